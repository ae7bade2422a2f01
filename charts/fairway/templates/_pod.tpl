{{/*
The pod of a service; (dict "root" $ "component" NAME). The shared data planes' Deployments have it, and the controller
makes dedicated planes of the same text (ConfigMap fairway-pod-templates).
*/}}
{{- define "fairway.podTemplate" -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- $values := index $root.Values $component -}}
{{- $configured := include "fairway.isConfigured" $component -}}
metadata:
  labels:
    {{- include "fairway.selector" . | nindent 4 }}
    {{- if has $component (list "dns" "edge" "balancer") }}
    fairway.dev/data-plane: {{ $component }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ $component }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: fairway-{{ $component }}
  automountServiceAccountToken: {{ eq $component "controller" }}
  # Variables of Services named fairway-... would be read as options.
  enableServiceLinks: false
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- if $root.Values.priorityClass.create }}
  priorityClassName: fairway
  {{- end }}
  {{- if eq $component "controller" }}
  terminationGracePeriodSeconds: 30
  {{- else }}
  terminationGracePeriodSeconds: {{ add $values.drain.delaySeconds $values.drain.timeoutSeconds 5 }}
  {{- end }}
  securityContext:
    {{- include "fairway.podSecurity" . | nindent 4 }}
    {{- if ne $component "controller" }}
    sysctls:
      - { name: net.ipv4.ip_unprivileged_port_start, value: "0" }
    {{- end }}
  containers:
    - name: {{ $component }}
      image: {{ include "fairway.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [fairway-{{ $component }}]
      args:
        {{- include "fairway.arguments" . | nindent 8 }}
      env:
        - name: POD_IP
          valueFrom: { fieldRef: { fieldPath: status.podIP } }
        - name: POD_NAME
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
      ports:
        {{- if has $component (list "dns" "resolver") }}
        - { name: dns-udp, containerPort: 53, protocol: UDP }
        - { name: dns-tcp, containerPort: 53, protocol: TCP }
        {{- end }}
        {{- if and (eq $component "dns") $values.tls.secretName }}
        - { name: dns-tls, containerPort: 853, protocol: TCP }
        {{- end }}
        {{- if eq $component "controller" }}
        - { name: stream, containerPort: 9647, protocol: TCP }
        {{- end }}
        - { name: admin, containerPort: {{ include "fairway.adminPort" $component }}, protocol: TCP }
      livenessProbe:
        httpGet: { path: /livez, port: admin }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: { path: /readyz, port: admin }
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 2
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      securityContext:
        {{- include "fairway.containerSecurity" . | nindent 8 }}
      {{- if or $configured (eq $component "controller") }}
      volumeMounts:
        {{- if $configured }}
        - { name: identity, mountPath: /var/run/fairway, readOnly: true }
        - { name: snapshot, mountPath: /var/lib/fairway }
        {{- end }}
        {{- if and (eq $component "dns") $values.tls.secretName }}
        - { name: tls, mountPath: /etc/fairway/tls, readOnly: true }
        {{- end }}
        {{- if eq $component "controller" }}
        - { name: templates, mountPath: /etc/fairway/templates, readOnly: true }
        - { name: stream, mountPath: /etc/fairway/stream, readOnly: true }
        {{- end }}
      {{- end }}
  {{- if or $configured (eq $component "controller") }}
  volumes:
    {{- if $configured }}
    # Who it is, and whom it believes: a token for the config stream alone, and the authority of the stream's servers.
    - name: identity
      projected:
        sources:
          - serviceAccountToken: { path: token, audience: fairway-config, expirationSeconds: 3600 }
          # The pod waits until the controller has made it.
          - secret: { name: fairway-stream, items: [{ key: ca.crt, path: ca.crt }] }
    # The last configuration, for a container that starts while no controller can be reached. It holds private keys.
    - name: snapshot
      emptyDir: { medium: Memory, sizeLimit: 64Mi }
    {{- end }}
    {{- if and (eq $component "dns") $values.tls.secretName }}
    - name: tls
      secret: { secretName: {{ $values.tls.secretName }} }
    {{- end }}
    {{- if eq $component "controller" }}
    - name: templates
      configMap: { name: fairway-pod-templates }
    # For a container that starts while the API server is away.
    - name: stream
      secret: { secretName: fairway-stream }
    {{- end }}
  {{- end }}
  {{- with $root.Values.topologyKeys }}
  topologySpreadConstraints:
    {{- range . }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "fairway.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

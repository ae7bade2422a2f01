{{/* A pod that asks one question; (dict "root" $ "name" NAME "question" LIST). */}}
{{- define "fairway.testPod" -}}
apiVersion: v1
kind: Pod
metadata:
  name: fairway-test-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    app.kubernetes.io/managed-by: {{ .root.Release.Service }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "fairway.podSecurity" . | nindent 4 }}
  containers:
    - name: ask
      image: {{ include "fairway.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      command: [node, --no-warnings, /etc/fairway/test/ask.mjs]
      args:
        {{- toYaml .question | nindent 8 }}
      securityContext:
        {{- include "fairway.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - { name: test, mountPath: /etc/fairway/test, readOnly: true }
  volumes:
    - name: test
      configMap: { name: fairway-test }
{{- end }}

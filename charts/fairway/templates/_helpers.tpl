{{/* Labels by which workloads choose their pods; (dict "root" $ "component" NAME). They never change. */}}
{{- define "fairway.selector" -}}
app.kubernetes.io/name: fairway
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "fairway.labels" -}}
app.kubernetes.io/name: fairway
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "fairway.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{/* Admin ports: /livez, /readyz, /metrics. */}}
{{- define "fairway.adminPort" -}}
{{- get (dict "dns" "9641" "resolver" "9642" "edge" "9643" "balancer" "9644" "controller" "9646") . -}}
{{- end }}

{{/* What restricted pod security wants of a container. */}}
{{- define "fairway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "fairway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* Whether a service is configured over the config stream: the resolver has its options alone. */}}
{{- define "fairway.isConfigured" -}}
{{- if has . (list "dns" "edge" "balancer") }}yes{{ end -}}
{{- end }}

{{- define "fairway.streamHost" -}}
fairway-controller-stream.{{ .Release.Namespace }}.svc
{{- end }}

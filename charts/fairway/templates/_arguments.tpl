{{/*
The options of each service's command line, in one place; (dict "root" $ "component" NAME). What a service is told here
is declared in services/NAME/main.ts and src/process/frame-options.ts.
*/}}
{{- define "fairway.arguments" -}}
{{- $values := index .root.Values .component -}}
- "--admin-address=$(POD_IP)"
- '--admin-port={{ include "fairway.adminPort" .component }}'
- "--log-level={{ $values.logLevel }}"
{{- if eq .component "controller" }}
{{ include "fairway.controllerArguments" .root }}
{{- else }}
{{- with $values.workers }}
- "--workers={{ int64 . }}"
{{- end }}
- '--bind={{ join "," $values.bind }}'
- "--drain-delay={{ int64 $values.drain.delaySeconds }}s"
- "--drain-timeout={{ int64 $values.drain.timeoutSeconds }}s"
{{- if include "fairway.isConfigured" .component }}
- '--config-servers={{ include "fairway.streamHost" .root }}:9647'
- '--config-server-name={{ include "fairway.streamHost" .root }}'
- "--config-token=/var/run/fairway/token"
- "--config-ca=/var/run/fairway/ca.crt"
- "--config-snapshot=/var/lib/fairway/config.snapshot"
{{- end }}
{{- end }}
{{- if has .component (list "dns" "resolver") }}
- "--port=53"
{{- with $values.queryLog }}
- "--query-log={{ int64 . }}"
{{- end }}
{{- end }}
{{- if and (eq .component "dns") $values.tls.secretName }}
- "--tls-port=853"
- "--tls-certificate=/etc/fairway/tls/tls.crt"
- "--tls-key=/etc/fairway/tls/tls.key"
{{- end }}
{{- if eq .component "resolver" }}
- "--cache-bytes={{ int64 $values.cacheBytes }}"
{{- with $values.allow }}
- '--allow={{ join "," . }}'
{{- end }}
{{- with $values.stub }}
- '--stub={{ join "," . }}'
{{- end }}
{{- with $values.rootServers }}
- '--root-servers={{ join "," . }}'
{{- end }}
{{- end }}
{{- if eq .component "edge" }}
- "--cache-bytes={{ int64 .root.Values.cache.maxBytes }}"
{{- end }}
{{- end }}

{{- define "fairway.controllerArguments" -}}
- "--stream-address=$(POD_IP)"
- "--stream-port=9647"
- "--namespace={{ .Release.Namespace }}"
- "--templates=/etc/fairway/templates"
- "--stream-secret=/etc/fairway/stream"
{{- end }}

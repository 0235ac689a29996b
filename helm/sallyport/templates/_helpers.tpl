{{- define "sallyport.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "sallyport.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sallyport.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "sallyport.selector" . }}
{{- end -}}

{{- define "sallyport.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- define "sallyport.usersSecret" -}}
{{- if .Values.users.inline -}}{{ include "sallyport.fullname" . }}-users{{- else -}}{{ .Values.users.secretName }}{{- end -}}
{{- end -}}

{{/* The file in the users Secret; the chart's own Secret has one name for it. */}}
{{- define "sallyport.usersKey" -}}
{{- if .Values.users.inline -}}users.toml{{- else -}}{{ .Values.users.key }}{{- end -}}
{{- end -}}

{{/*
A value as inline TOML. Helm's toToml won't do: values are float64 after YAML, and it writes 465.0.
JSON strings are TOML basic strings.
*/}}
{{- define "sallyport.toml.value" -}}
{{- if kindIs "map" . -}}
{ {{- range $index, $key := keys . | sortAlpha }}{{ if $index }},{{ end }} {{ include "sallyport.toml.key" $key }} = {{ include "sallyport.toml.value" (get $ $key) }}{{ end }} }
{{- else if kindIs "slice" . -}}
[{{- range $index, $item := . }}{{ if $index }}, {{ end }}{{ include "sallyport.toml.value" $item }}{{ end }}]
{{- else if kindIs "float64" . -}}
{{- if eq (float64 (int64 .)) . -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}

{{- define "sallyport.toml.key" -}}
{{- if regexMatch "^[A-Za-z0-9_-]+$" . -}}{{ . }}{{- else -}}{{ toJson . }}{{- end -}}
{{- end -}}

{{/* The key = value lines of a table. */}}
{{- define "sallyport.toml.pairs" -}}
{{- range $key := keys . | sortAlpha }}
{{- if not (kindIs "invalid" (get $ $key)) }}
{{ include "sallyport.toml.key" $key }} = {{ include "sallyport.toml.value" (get $ $key) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* [name] for a map, [[name]] for each map of a list. */}}
{{- define "sallyport.toml.tables" -}}
{{- $name := .name -}}
{{- if kindIs "map" .value }}

[{{ $name }}]
{{- include "sallyport.toml.pairs" .value }}
{{- else }}
{{- range .value }}

[[{{ $name }}]]
{{- include "sallyport.toml.pairs" . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Whole seconds of "30s", "2m", "1m30s"; what is not so simple is left to sallyport check. */}}
{{- define "sallyport.seconds" -}}
{{- $minutes := regexFind "^[0-9]+m" . | trimSuffix "m" | default "0" | int -}}
{{- $seconds := regexFind "[0-9]+s$" . | trimSuffix "s" | default "0" | int -}}
{{- add (mul $minutes 60) $seconds -}}
{{- end -}}

{{- define "sallyport.passwordPath" -}}
/etc/sallyport/upstreams/{{ . }}/password
{{- end -}}

{{/* The whole configuration file. */}}
{{- define "sallyport.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $listeners := list
      (dict "address" (printf "%s:1465" .Values.bindAddress) "tls" "implicit")
      (dict "address" (printf "%s:1587" .Values.bindAddress) "tls" "starttls")
      (dict "address" (printf "%s:2525" .Values.bindAddress) "tls" "starttls") -}}
{{- range $listener := $listeners -}}
{{- with $.Values.service.proxyProtocol -}}
{{- $_ := set $listener "proxy_protocol" . -}}
{{- end -}}
{{- end -}}
{{- $_ := set $config "listener" $listeners -}}
{{- $tls := dict "certificate" "/etc/sallyport/tls/tls.crt" "key" "/etc/sallyport/tls/tls.key" "policy" .Values.tls.policy -}}
{{- if .Values.tls.extraSecretNames -}}
{{- $_ := set $tls "directory" "/etc/sallyport/certs" -}}
{{- end -}}
{{- if .Values.tls.clientCA.secretName -}}
{{- $_ := set $tls "client_ca" "/etc/sallyport/client-ca/ca.pem" -}}
{{- $_ := set $tls "client_certificate" .Values.tls.clientCA.clientCertificate -}}
{{- end -}}
{{- $_ := set $config "tls" $tls -}}
{{- $_ := set $config "admin" (dict "address" (printf "%s:9465" .Values.bindAddress) "socket" "/tmp/admin.sock") -}}
{{- $_ := set $config "auth" (merge (dict "file" "/etc/sallyport/users/users.toml") (default dict $config.auth)) -}}
{{- $_ := set $config "message" (merge (dict "directory" "/tmp") (default dict $config.message)) -}}
{{- $upstreams := list -}}
{{- range $config.upstream -}}
{{- $upstream := omit . "passwordSecret" -}}
{{- if .passwordSecret -}}
{{- $_ := set $upstream "password" (dict "file" (include "sallyport.passwordPath" .name)) -}}
{{- end -}}
{{- $upstreams = append $upstreams $upstream -}}
{{- end -}}
{{- $_ := set $config "upstream" $upstreams -}}
{{- $tables := list "listener" "tls" "auth" "limits" "limit" "session" "message" "upstream" "route" "admin" "log" "metrics" -}}
# Written by the chart from .Values; see values.yaml.
{{- range $key := keys $config | sortAlpha }}
{{- if and (not (has $key $tables)) (not (kindIs "invalid" (get $config $key))) }}
{{ include "sallyport.toml.key" $key }} = {{ include "sallyport.toml.value" (get $config $key) }}
{{- end }}
{{- end }}
{{- range $table := $tables }}
{{- with get $config $table }}
{{- include "sallyport.toml.tables" (dict "name" $table "value" .) }}
{{- end }}
{{- end }}
{{- end -}}

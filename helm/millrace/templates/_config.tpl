{{/* What the chart reads out of the worker's configuration, so that nobody has to say a thing twice. */}}

{{/* The file itself: `config`, and the session timeout of a static member where the configuration says none. */}}
{{- define "millrace.config" -}}
{{- $config := deepCopy .Values.config }}
{{- if .Values.staticMembership.enabled }}
{{- $session := dict "session.timeout.ms" (int64 .Values.staticMembership.sessionTimeoutMs) }}
{{- $config = merge $config (dict "kafka" (dict "consumer_properties" $session)) }}
{{- end }}
{{- toPrettyJson $config }}
{{- end }}

{{- define "millrace.configMapName" -}}
{{- default (include "millrace.fullname" .) .Values.existingConfigMap }}
{{- end }}

{{- define "millrace.graceSeconds" -}}
{{- if .Values.existingConfigMap }}{{ sub (default 35 .Values.terminationGracePeriodSeconds | int64) 10 }}
{{- else }}{{ dig "shutdown" "grace_s" 25 .Values.config | int64 }}
{{- end }}
{{- end }}

{{- define "millrace.terminationGracePeriodSeconds" -}}
{{- default (add (include "millrace.graceSeconds" .) 10) .Values.terminationGracePeriodSeconds | int64 }}
{{- end }}

{{/* [address, key, default]: the port of an address such as [::]:7780. */}}
{{- define "millrace.port" -}}
{{- $root := index . 0 }}
{{- dig "http" (index . 1) (index . 2) $root.Values.config | splitList ":" | last }}
{{- end }}
{{- define "millrace.metricsPort" -}}
{{ include "millrace.port" (list . "listen" "[::]:7780") }}
{{- end }}
{{- define "millrace.probePort" -}}
{{ include "millrace.port" (list . "probe_listen" "[::]:7781") }}
{{- end }}

{{/* The longest time that one call to a database may take. */}}
{{- define "millrace.longestTimeoutSeconds" -}}
{{- $longest := 30 }}
{{- range $shard := append (default list .Values.config.shards) (default dict .Values.config.shard_defaults) }}
{{- range $key := list "connect_timeout_s" "read_timeout_s" "write_timeout_s" }}
{{- $longest = max $longest (dig $key 0 $shard | int64) }}
{{- end }}
{{- end }}
{{- $longest }}
{{- end }}

{{- define "millrace.livenessFailures" -}}
{{- with .Values.probes.liveness }}
{{- $enough := add 2 (div (include "millrace.longestTimeoutSeconds" $ | int64) .periodSeconds) }}
{{- default (max 6 $enough) .failureThreshold | int64 }}
{{- end }}
{{- end }}

{{/* Ports for the NetworkPolicy, as JSON lists. */}}
{{- define "millrace.kafkaPorts" -}}
{{- $ports := .Values.networkPolicy.kafka.ports }}
{{- if not $ports }}
{{- range dig "kafka" "bootstrap_servers" "" .Values.config | splitList "," }}
{{- $port := regexFind ":[0-9]+$" (trim .) | trimPrefix ":" }}
{{- $ports = append $ports (default 9092 $port | int64) }}
{{- end }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}
{{- define "millrace.databasePorts" -}}
{{- $ports := .Values.networkPolicy.databases.ports }}
{{- if not $ports }}
{{- $usual := dig "shard_defaults" "port" 3306 .Values.config }}
{{- range .Values.config.shards }}
{{- $ports = append $ports (dig "port" $usual . | int64) }}
{{- end }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* Bytes of a Kubernetes quantity of memory. */}}
{{- define "millrace.bytes" -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 }}
{{- $text := toString . }}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (get $units (regexFind "[A-Za-z]*$" $text)) | int64 }}
{{- end }}

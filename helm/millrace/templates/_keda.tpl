{{/*
How many workers there should be, the greater of two:
- as many as there are, times how old events are against the target, at most the double, at least a half.  With a full pool the
  databases are the limit: as many as there are.  Without events: a half.
- as many as the CPU that they use needs at the requested CPU each, never more than there are: this only keeps workers that are busy.
No worker scraped: no answer, and KEDA's fallback decides.
*/}}
{{- define "millrace.workersQuery" -}}
{{- $those := printf `namespace=%q,pod=~"%s-[0-9]+"` .Release.Namespace (include "millrace.fullname" .) }}
{{- $capacity := printf "millrace_pool_capacity_records{%s}" $those }}
{{- with .Values.autoscaling.keda.prometheus -}}
max(
  label_replace(
    count({{ $capacity }}) * (
      clamp(
        (
          histogram_quantile(0.9, sum by (le) (rate(millrace_event_age_seconds_bucket{path="live",{{ $those }}}[5m]))) > 0
          or vector(0)
        ) / {{ .targetAgeSeconds }}, 0.5, 2
      )
      and sum(avg_over_time(millrace_pool_used_records{ {{- $those -}} }[5m])) / sum({{ $capacity }}) < {{ divf .poolFullPercent 100 }}
      or vector(1)
    ), "by", "age", "", ""
  )
  or label_replace(
    clamp_max(
      sum(rate(process_cpu_seconds_total{ {{- $those -}} }[5m])) / {{ include "millrace.cores" $.Values.resources.requests.cpu }},
      scalar(count({{ $capacity }}))
    ), "by", "cpu", "", ""
  )
)
{{- end }}
{{- end }}

{{/* Cores of a Kubernetes quantity of CPU. */}}
{{- define "millrace.cores" -}}
{{- $text := toString . }}
{{- hasSuffix "m" $text | ternary (divf (trimSuffix "m" $text) 1000) $text }}
{{- end }}

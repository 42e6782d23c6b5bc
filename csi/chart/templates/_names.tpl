{{/* Names that more than one template needs. The driver is one of its kind in a cluster, so names are fixed. */}}

{{- define "alluxio-csi.selector" -}}
app.kubernetes.io/name: alluxio-csi
app.kubernetes.io/component: {{ . }}
{{- end }}

{{- define "alluxio-csi.labels" -}}
app.kubernetes.io/name: alluxio-csi
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "alluxio-csi.image" -}}
{{- $image := coalesce .Values.image .Values.global.image "alluxio/alluxio-fuse" -}}
{{- $tag := coalesce .Values.imageTag .Values.global.imageTag .Chart.AppVersion -}}
{{- $image -}}{{ ternary "@" ":" (hasPrefix "sha256:" $tag) }}{{ $tag -}}
{{- end }}

{{- define "alluxio-csi.pullPolicy" -}}
{{- coalesce .Values.imagePullPolicy .Values.global.imagePullPolicy "IfNotPresent" -}}
{{- end }}

{{/* Pull secrets may be names, or objects with a name as in a pod. */}}
{{- define "alluxio-csi.pullSecrets" -}}
{{- with coalesce .Values.imagePullSecrets .Values.global.imagePullSecrets -}}
imagePullSecrets:
{{- range . }}
  - name: {{ kindIs "map" . | ternary (get (kindIs "map" . | ternary . dict) "name") . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The environment of daemons: variables that are properties. */}}
{{- define "alluxio-csi.daemonEnvironment" -}}
{{- with .Values.daemons.stagingSize }}
- name: ALLUXIO_FUSE_STAGING_SIZE
  value: {{ . | quote }}
{{- end }}
{{- with .Values.daemons.cacheSize }}
- name: ALLUXIO_USER_CLIENT_CACHE_SIZE
  value: {{ . | quote }}
{{- end }}
{{- with .Values.daemons.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Annotations of pods: of Prometheus, and those of the values. Takes root, port, own. */}}
{{- define "alluxio-csi.podAnnotations" -}}
{{- $scrape := dict -}}
{{- if and .root.Values.monitoring.scrapeAnnotations .port -}}
{{- $_ := set $scrape "prometheus.io/scrape" "true" -}}
{{- $_ := set $scrape "prometheus.io/port" (toString .port) -}}
{{- $_ := set $scrape "prometheus.io/path" "/metrics" -}}
{{- end -}}
{{- with merge (dict) .own $scrape -}}
annotations:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
What all of a store's objects have in common. The key `platform` is the control plane's own document; everything else
is the operator's.
*/}}

{{/* Every template begins with this: what fails first should be what helps most. */}}
{{- define "store.requirePlatform" -}}
{{- $remedy := "the control plane writes it when it installs a store, and an upgrade by hand keeps it with `helm upgrade --reuse-values`" -}}
{{- if not .Values.platform -}}
{{- fail (printf "the key 'platform' is missing: %s" $remedy) -}}
{{- end -}}
{{- $platform := .Values.platform -}}
{{- range list "installation" "store" "name" "engine" "plan" "attempt" "host" "publicUrl" "credentialsSecret" -}}
{{- if not (hasKey $platform .) -}}
{{- fail (printf "the key 'platform' lacks '%s': %s" . $remedy) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.ingress.tls.enabled (not (hasPrefix "https://" $platform.publicUrl)) -}}
{{- fail (printf "ingress.tls.enabled is true, but the store's public URL is %s: set the platform's PUBLIC_URL_TEMPLATE to https://{name}.your.domain before you create stores with TLS" $platform.publicUrl) -}}
{{- end -}}
{{- end }}

{{/* Selectors: few labels, which never change during a store's life. Takes {root, component}. */}}
{{- define "store.selectorLabels" -}}
app.kubernetes.io/name: store
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels that stay the same in every version of the chart, for objects that cannot be changed. */}}
{{- define "store.stableLabels" -}}
{{ include "store.selectorLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: store-platform
store-platform/installation: {{ .root.Values.platform.installation | quote }}
store-platform/store: {{ .root.Values.platform.store | quote }}
store-platform/engine: {{ .root.Values.platform.engine | quote }}
{{- end }}

{{- define "store.labels" -}}
{{ include "store.stableLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* The setup job belongs to one attempt. */}}
{{- define "store.setupLabels" -}}
{{ include "store.labels" (dict "root" . "component" "setup") }}
store-platform/attempt: {{ .Values.platform.attempt | quote }}
{{- end }}

{{- define "store.setupJobName" -}}
{{- $name := printf "%s-setup-job" .Values.platform.store -}}
{{- if gt (int .Values.platform.attempt) 1 -}}
{{- $name = printf "%s-%d" $name (int .Values.platform.attempt) -}}
{{- end -}}
{{- if gt (int .Release.Revision) 1 -}}
{{- $name = printf "%s-r%d" $name (int .Release.Revision) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* The ports that the engine's database and server listen on. */}}
{{- define "store.databasePort" -}}
{{- ternary 3306 5432 (eq .Values.platform.engine "woocommerce") -}}
{{- end }}

{{- define "store.serverPort" -}}
{{- ternary 8080 9000 (eq .Values.platform.engine "woocommerce") -}}
{{- end }}

{{/* Takes {root, image}. */}}
{{- define "store.image" -}}
{{- $image := printf "%s:%s" .image.repository (.image.tag | default .root.Chart.AppVersion) -}}
{{- if .root.Values.image.registry -}}
{{- printf "%s/%s" (trimSuffix "/" .root.Values.image.registry) $image -}}
{{- else -}}
{{- $image -}}
{{- end -}}
{{- end }}

{{/* The sizes of the store's plan. */}}
{{- define "store.plan" -}}
{{- $plan := .Values.platform.plan -}}
{{- if not (hasKey .Values.plans $plan) -}}
{{- fail (printf "the plan %q is not one of: %s" $plan (keys .Values.plans | sortAlpha | join ", ")) -}}
{{- end -}}
{{- get .Values.plans $plan | toYaml -}}
{{- end }}

{{/* The plan's resources for a component, with what the operator overrides. Takes {root, component, override}. */}}
{{- define "store.resources" -}}
{{- $plan := include "store.plan" .root | fromYaml -}}
{{- mergeOverwrite (deepCopy (get $plan .component)) (deepCopy .override) | toYaml -}}
{{- end }}

{{/* What every pod of a store has in its spec. Takes {root, serviceAccount, uid}. */}}
{{- define "store.podDefaults" -}}
serviceAccountName: {{ .serviceAccount }}
automountServiceAccountToken: false
# The names of other services would only crowd the environment.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* What every container of a store has. */}}
{{- define "store.containerDefaults" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
# A container that ends without a message of its own shows its last log lines instead.
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Takes the persistence values: size and, unless the cluster's default is meant, a class. */}}
{{- define "store.claimSpec" -}}
accessModes: [ReadWriteOnce]
{{- if .storageClass }}
storageClassName: {{ .storageClass | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size | quote }}
{{- end }}

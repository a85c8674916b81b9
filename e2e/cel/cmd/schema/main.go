// Prints the merge schema of Kubernetes' own kinds, as the API server's apply uses it, in the form that
// crates/plimsoll-cel/src/policy/mutation/schema.rs reads: which fields there are, what holds them together, and by which keys
// the items of a list are told apart. See that file for the notation.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	smd "sigs.k8s.io/structured-merge-diff/v6/schema"
)

// Those whose defaults plimsoll-defaults knows, and what a policy may be about beside them.
var kinds = []string{
	"v1 Pod", "v1 PodTemplate", "v1 ReplicationController", "v1 Service", "v1 Secret", "v1 ConfigMap", "v1 ServiceAccount",
	"v1 Namespace", "v1 PersistentVolume", "v1 PersistentVolumeClaim", "v1 Endpoints", "v1 LimitRange", "v1 ResourceQuota",
	"apps/v1 Deployment", "apps/v1 DaemonSet", "apps/v1 StatefulSet", "apps/v1 ReplicaSet", "batch/v1 Job", "batch/v1 CronJob",
	"networking.k8s.io/v1 NetworkPolicy", "networking.k8s.io/v1 Ingress", "networking.k8s.io/v1 IngressClass",
	"rbac.authorization.k8s.io/v1 Role", "rbac.authorization.k8s.io/v1 ClusterRole",
	"rbac.authorization.k8s.io/v1 RoleBinding", "rbac.authorization.k8s.io/v1 ClusterRoleBinding",
	"autoscaling/v2 HorizontalPodAutoscaler", "policy/v1 PodDisruptionBudget", "storage.k8s.io/v1 StorageClass",
	"scheduling.k8s.io/v1 PriorityClass", "coordination.k8s.io/v1 Lease",
}

type printer struct {
	schema *smd.Schema
	wanted []string
	known  map[string]bool
}

func short(name string) string {
	name = strings.TrimPrefix(name, "io.k8s.api.")
	return strings.TrimPrefix(name, "io.k8s.apimachinery.pkg.apis.")
}

func scalar(of smd.Scalar) string {
	switch of {
	case smd.Numeric:
		return "n"
	case smd.String:
		return "s"
	case smd.Boolean:
		return "b"
	}
	return "u"
}

func (p *printer) ref(of smd.TypeRef) string {
	prefix := ""
	if of.ElementRelationship != nil {
		if *of.ElementRelationship == smd.Atomic {
			prefix = "!"
		} else if def, ok := p.schema.FindNamedType(*of.NamedType); ok && def.Map.ElementRelationship == smd.Atomic {
			prefix = "~"
		}
	}
	if of.NamedType == nil {
		return prefix + p.atom(of.Inlined)
	}
	def, ok := p.schema.FindNamedType(*of.NamedType)
	if !ok {
		panic("no type " + *of.NamedType)
	}
	if def.Map != nil && def.Scalar == nil && len(def.Map.Fields) > 0 {
		if !p.known[*of.NamedType] {
			p.known[*of.NamedType] = true
			p.wanted = append(p.wanted, *of.NamedType)
		}
		return prefix + short(*of.NamedType)
	}
	return prefix + p.atom(def.Atom)
}

func (p *printer) atom(of smd.Atom) string {
	switch {
	case of.Scalar != nil && (of.List != nil || of.Map != nil):
		return "?"
	case of.Scalar != nil:
		return scalar(*of.Scalar)
	case of.List != nil:
		item := p.ref(of.List.ElementType)
		switch {
		case of.List.ElementRelationship == smd.Atomic:
			return "*" + item
		case len(of.List.Keys) > 0:
			return "[" + strings.Join(of.List.Keys, ",") + "]" + item
		}
		return "#" + item
	case of.Map != nil && len(of.Map.Fields) == 0:
		prefix := ""
		if of.Map.ElementRelationship == smd.Atomic {
			prefix = "!"
		}
		return prefix + "{}" + p.ref(of.Map.ElementType)
	}
	panic("an inlined struct")
}

func main() {
	converter := applyconfigurations.NewTypeConverter(scheme.Scheme)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	p := printer{known: map[string]bool{}}
	for _, kind := range kinds {
		version, name, _ := strings.Cut(kind, " ")
		gv, err := schema.ParseGroupVersion(version)
		if err != nil {
			panic(err)
		}
		stub := &unstructured.Unstructured{}
		stub.SetGroupVersionKind(gv.WithKind(name))
		value, err := converter.ObjectToTyped(stub)
		if err != nil {
			panic(err)
		}
		p.schema = value.Schema()
		fmt.Fprintf(out, "= %s %s\n", kind, p.ref(value.TypeRef()))
	}
	for len(p.wanted) > 0 {
		sort.Strings(p.wanted)
		name := p.wanted[0]
		p.wanted = p.wanted[1:]
		def, _ := p.schema.FindNamedType(name)
		mark := ""
		if def.Map.ElementRelationship == smd.Atomic {
			mark = "!"
		}
		fmt.Fprintf(out, "%s%s\n", mark, short(name))
		if def.Map.ElementType.NamedType != nil && *def.Map.ElementType.NamedType != "" {
			fmt.Fprintf(os.Stderr, "%s: also a map of %s\n", name, *def.Map.ElementType.NamedType)
		}
		for _, field := range def.Map.Fields {
			line := " " + field.Name + " " + p.ref(field.Type)
			// What a key is where an item does not have it.
			switch field.Default.(type) {
			case string, bool, int, int64, float64:
				text, err := json.Marshal(field.Default)
				if err != nil {
					panic(err)
				}
				line += " " + string(text)
			}
			fmt.Fprintln(out, line)
		}
	}
}

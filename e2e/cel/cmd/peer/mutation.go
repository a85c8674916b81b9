// The mutations of a MutatingAdmissionPolicy, made by the API server's own patchers one after another, once its rules have
// matched. Objects stay as they are given: what a server sets by default is not set here.
package main

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/admission"
	plugin "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
)

// What became of an object.
type mutated struct {
	// The match conditions do not hold.
	Passed bool `json:"passed,omitempty"`
	// Of the mutations that failed, and of the match conditions.
	Errors []string `json:"errors,omitempty"`
	// After those that did not.
	Object map[string]any `json:"object,omitempty"`
}

var converter managedfields.TypeConverter

func patchers(policy *v1.MutatingAdmissionPolicy) ([]patch.Patcher, matchconditions.Matcher, *plugin.CompositedCompiler, error) {
	options := plugin.OptionalVariableDeclarations{HasParams: policy.Spec.ParamKind != nil, HasAuthorizer: true}
	base, err := environment.MustBaseEnvSet(release).Extend(environment.StrictCostOpt)
	if err != nil {
		return nil, nil, nil, err
	}
	compiler, err := plugin.NewCompositedCompiler(base)
	if err != nil {
		return nil, nil, nil, err
	}
	mode := environment.StoredExpressions
	var named []plugin.NamedExpressionAccessor
	for _, one := range policy.Spec.Variables {
		named = append(named, &validating.Variable{Name: one.Name, Expression: one.Expression})
	}
	compiler.CompileAndStoreVariables(named, options, mode)
	var matcher matchconditions.Matcher
	if len(policy.Spec.MatchConditions) > 0 {
		var conditions []plugin.ExpressionAccessor
		for i := range policy.Spec.MatchConditions {
			conditions = append(conditions, (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[i]))
		}
		matcher = matchconditions.NewMatcher(compiler.CompileCondition(conditions, options, mode), policy.Spec.FailurePolicy, "policy", "validate", policy.Name)
	}
	options.HasPatchTypes = true
	var made []patch.Patcher
	for _, one := range policy.Spec.Mutations {
		switch one.PatchType {
		case v1.PatchTypeJSONPatch:
			made = append(made, patch.NewJSONPatcher(compiler.CompileMutatingEvaluator(&patch.JSONPatchCondition{Expression: one.JSONPatch.Expression}, options, mode)))
		case v1.PatchTypeApplyConfiguration:
			made = append(made, patch.NewApplyConfigurationPatcher(compiler.CompileMutatingEvaluator(&patch.ApplyConfigurationCondition{Expression: one.ApplyConfiguration.Expression}, options, mode)))
		}
	}
	return made, matcher, compiler, nil
}

// As a server would read it again: fields that its type does not have, and values of other types, are refused.
func readable(object *unstructured.Unstructured) error {
	typed, err := scheme.Scheme.New(object.GroupVersionKind())
	if err != nil {
		return nil
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true)
}

func mutate(raw json.RawMessage, given map[string]any) (*mutated, error) {
	policy := &v1.MutatingAdmissionPolicy{}
	if err := json.Unmarshal(raw, policy); err != nil {
		return nil, err
	}
	made, matcher, compiler, err := patchers(policy)
	if err != nil {
		return nil, err
	}
	if converter == nil {
		converter = applyconfigurations.NewTypeConverter(scheme.Scheme)
	}
	attributes, resource, kind := attributesOf(given)
	versioned := &admission.VersionedAttributes{Attributes: attributes, VersionedObject: attributes.GetObject(), VersionedOldObject: attributes.GetOldObject(), VersionedKind: kind}
	namespace, err := namespaceOf(given)
	if err != nil {
		return nil, err
	}
	var params runtime.Object
	if given[plugin.ParamsVarName] != nil {
		params = object(given[plugin.ParamsVarName])
	}
	out := &mutated{}
	ctx := compiler.CreateContext(context.Background())
	if matcher != nil {
		match := matcher.Match(ctx, versioned, params, nil)
		if match.Error != nil {
			out.Errors = append(out.Errors, match.Error.Error())
			return out, nil
		}
		if !match.Matches {
			out.Passed = true
			return out, nil
		}
	}
	for _, patcher := range made {
		changed, err := patcher.Patch(ctx, patch.Request{
			MatchedResource: resource, VersionedAttributes: versioned, ObjectInterfaces: admission.NewObjectInterfacesFromScheme(scheme.Scheme),
			OptionalVariables: plugin.OptionalVariableBindings{VersionedParams: params}, Namespace: namespace, TypeConverter: converter,
		}, celconfig.RuntimeCELCostBudget)
		if err == nil {
			if read, ok := changed.(*unstructured.Unstructured); ok {
				err = readable(read)
			}
		}
		if err != nil {
			out.Errors = append(out.Errors, err.Error())
			continue
		}
		versioned.VersionedObject = changed
	}
	if read, ok := versioned.VersionedObject.(*unstructured.Unstructured); ok {
		out.Object = read.Object
	}
	return out, nil
}

func namespaceOf(given map[string]any) (*corev1.Namespace, error) {
	fields, ok := given[plugin.NamespaceVarName].(map[string]any)
	if !ok {
		return nil, nil
	}
	namespace := &corev1.Namespace{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, namespace); err != nil {
		return nil, fmt.Errorf("namespaceObject: %w", err)
	}
	return namespace, nil
}

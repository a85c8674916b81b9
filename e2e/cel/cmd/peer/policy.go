// A ValidatingAdmissionPolicy judged as the API server's plugin judges it, once its rules have matched.
package main

import (
	"context"
	"encoding/json"

	v1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	plugin "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
)

type decision struct {
	Action     string `json:"action"`
	Evaluation string `json:"evaluation"`
	Message    string `json:"message,omitempty"`
	Reason     string `json:"reason,omitempty"`
}

type annotation struct {
	Key    string `json:"key"`
	Action string `json:"action"`
	Value  string `json:"value,omitempty"`
	Error  string `json:"error,omitempty"`
}

type result struct {
	Decisions   []decision   `json:"decisions"`
	Annotations []annotation `json:"annotations,omitempty"`
}

func compile(policy *v1.ValidatingAdmissionPolicy) (validating.Validator, error) {
	with := plugin.OptionalVariableDeclarations{HasParams: policy.Spec.ParamKind != nil, HasAuthorizer: true}
	without := plugin.OptionalVariableDeclarations{HasParams: policy.Spec.ParamKind != nil}
	base, err := environment.MustBaseEnvSet(release).Extend(environment.StrictCostOpt)
	if err != nil {
		return nil, err
	}
	compiler, err := plugin.NewCompositedCompiler(base)
	if err != nil {
		return nil, err
	}
	mode := environment.StoredExpressions
	var named []plugin.NamedExpressionAccessor
	for _, one := range policy.Spec.Variables {
		named = append(named, &validating.Variable{Name: one.Name, Expression: one.Expression})
	}
	compiler.CompileAndStoreVariables(named, with, mode)
	var matcher matchconditions.Matcher
	if len(policy.Spec.MatchConditions) > 0 {
		var conditions []plugin.ExpressionAccessor
		for i := range policy.Spec.MatchConditions {
			conditions = append(conditions, (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[i]))
		}
		matcher = matchconditions.NewMatcher(compiler.CompileCondition(conditions, with, mode), policy.Spec.FailurePolicy, "policy", "validate", policy.Name)
	}
	validations := make([]plugin.ExpressionAccessor, len(policy.Spec.Validations))
	messages := make([]plugin.ExpressionAccessor, len(policy.Spec.Validations))
	for i, one := range policy.Spec.Validations {
		validations[i] = &validating.ValidationCondition{Expression: one.Expression, Message: one.Message, Reason: one.Reason}
		if one.MessageExpression != "" {
			messages[i] = &validating.MessageExpressionCondition{MessageExpression: one.MessageExpression}
		}
	}
	var annotations []plugin.ExpressionAccessor
	for _, one := range policy.Spec.AuditAnnotations {
		annotations = append(annotations, &validating.AuditAnnotationCondition{Key: one.Key, ValueExpression: one.ValueExpression})
	}
	return validating.NewValidator(
		compiler.CompileCondition(validations, with, mode), matcher, compiler.CompileCondition(annotations, with, mode),
		compiler.CompileCondition(messages, without, mode), policy.Spec.FailurePolicy, nil), nil
}

func object(value any) runtime.Object {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	return &unstructured.Unstructured{Object: fields}
}

func text(fields map[string]any, path ...string) string {
	found, _, _ := unstructured.NestedString(fields, path...)
	return found
}

// What is asked about, and of which kind it is.
func attributesOf(given map[string]any) (admission.Attributes, schema.GroupVersionResource, schema.GroupVersionKind) {
	asked, _ := given[plugin.RequestVarName].(map[string]any)
	kind := schema.GroupVersionKind{Group: text(asked, "kind", "group"), Version: text(asked, "kind", "version"), Kind: text(asked, "kind", "kind")}
	resource := schema.GroupVersionResource{Group: text(asked, "resource", "group"), Version: text(asked, "resource", "version"), Resource: text(asked, "resource", "resource")}
	groups, _, _ := unstructured.NestedStringSlice(asked, "userInfo", "groups")
	dry, _, _ := unstructured.NestedBool(asked, "dryRun")
	fresh, old := object(given[plugin.ObjectVarName]), object(given[plugin.OldObjectVarName])
	return admission.NewAttributesRecord(fresh, old, kind, text(asked, "namespace"), text(asked, "name"), resource,
		text(asked, "subResource"), admission.Operation(text(asked, "operation")), nil, dry,
		&user.DefaultInfo{Name: text(asked, "userInfo", "username"), UID: text(asked, "userInfo", "uid"), Groups: groups}), resource, kind
}

func judge(raw json.RawMessage, given map[string]any) (*result, error) {
	policy := &v1.ValidatingAdmissionPolicy{}
	if err := json.Unmarshal(raw, policy); err != nil {
		return nil, err
	}
	validator, err := compile(policy)
	if err != nil {
		return nil, err
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
	judged := validator.Validate(context.Background(), resource, versioned, params, namespace, celconfig.RuntimeCELCostBudget, nil)
	made := &result{Decisions: []decision{}}
	for _, one := range judged.Decisions {
		made.Decisions = append(made.Decisions, decision{string(one.Action), string(one.Evaluation), one.Message, string(one.Reason)})
	}
	for _, one := range judged.AuditAnnotations {
		made.Annotations = append(made.Annotations, annotation{one.Key, string(one.Action), one.Value, one.Error})
	}
	return made, nil
}

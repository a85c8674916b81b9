// Answers many questions about CEL with the API server's own libraries in one process. In: one JSON object a line (request).
// Out: one JSON object a line, in the same order (answer). See the two structs for what can be asked.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"

	"k8s.io/apimachinery/pkg/util/version"
	plugin "k8s.io/apiserver/pkg/admission/plugin/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
	"k8s.io/apiserver/pkg/cel/mutation"
)

type request struct {
	ID any `json:"id"`
	// One expression; with Policy, that is asked instead.
	Expr string `json:"expr"`
	// Values of object, oldObject, params, request, namespaceObject; null where they are missing.
	Vars map[string]json.RawMessage `json:"vars"`
	// Adds what cel-go has and Kubernetes does not: cel.bind, math.*, base64.*.
	More bool `json:"more"`
	// Adds what MutatingAdmissionPolicy has: jsonpatch.escapeKey, Object{…}, JSONPatch{…}.
	Patch bool `json:"patch"`
	// Compiles only.
	Check bool `json:"check"`
	// A ValidatingAdmissionPolicy, asked about Vars as the plugin of the API server asks it.
	Policy json.RawMessage `json:"policy"`
	// A MutatingAdmissionPolicy, whose mutations are made of Vars' object.
	Mutation json.RawMessage `json:"mutation"`
}

// Exactly one of value, refused, failed, type, result, mutated is there.
type answer struct {
	ID any `json:"id"`
	// In the notation of render.go.
	Value *string `json:"value,omitempty"`
	// The compiler's words.
	Refused string `json:"refused,omitempty"`
	// The evaluation's words.
	Failed string `json:"failed,omitempty"`
	// The expression's type, where it was only compiled.
	Type string `json:"type,omitempty"`
	// What the evaluation cost.
	Cost   *uint64 `json:"cost,omitempty"`
	Result *result `json:"result,omitempty"`
	// What a mutating policy made.
	Mutated *mutated `json:"mutated,omitempty"`
	// The request is not one.
	Fault string `json:"fault,omitempty"`
}

var release = version.MajorMinor(1, 36)

func build(more, patch bool) (*cel.Env, error) {
	namespaceType, requestType := plugin.BuildNamespaceType(), plugin.BuildRequestType()
	options := []cel.EnvOption{
		cel.Variable(plugin.ObjectVarName, cel.DynType),
		cel.Variable(plugin.OldObjectVarName, cel.DynType),
		cel.Variable(plugin.ParamsVarName, cel.DynType),
		cel.Variable(plugin.NamespaceVarName, namespaceType.CelType()),
		cel.Variable(plugin.RequestVarName, requestType.CelType()),
		cel.Variable(plugin.AuthorizerVarName, library.AuthorizerType),
		cel.Variable(plugin.RequestResourceAuthorizerVarName, library.ResourceCheckType),
	}
	if more {
		options = append(options, ext.Bindings(), ext.Math(), ext.Encoders())
	}
	if patch {
		options = append(options, library.JSONPatch())
	}
	set, err := environment.MustBaseEnvSet(release).Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions:        options,
		DeclTypes:         []*apiservercel.DeclType{namespaceType, requestType},
	}, environment.StrictCostOpt)
	if err == nil && patch {
		// Upon what is there: types that are declared at the same time would hide them.
		set, err = set.Extend(environment.VersionedOptions{
			IntroducedVersion: version.MajorMinor(1, 0),
			EnvOptions:        []cel.EnvOption{common.ResolverEnvOption(&mutation.DynamicTypeResolver{})},
		})
	}
	if err != nil {
		return nil, err
	}
	return set.Env(environment.NewExpressions)
}

var environments = map[[2]bool]*cel.Env{}

func environmentOf(more, patch bool) (*cel.Env, error) {
	key := [2]bool{more, patch}
	if env, ok := environments[key]; ok {
		return env, nil
	}
	env, err := build(more, patch)
	if err == nil {
		environments[key] = env
	}
	return env, err
}

func variables(asked map[string]json.RawMessage) (map[string]any, error) {
	given := map[string]any{
		plugin.ObjectVarName: nil, plugin.OldObjectVarName: nil, plugin.ParamsVarName: nil,
		plugin.RequestVarName: nil, plugin.NamespaceVarName: nil,
	}
	for name, raw := range asked {
		value, err := decoded(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		given[name] = value
	}
	return given, nil
}

func evaluate(asked request) (made answer) {
	made.ID = asked.ID
	defer func() {
		if panicked := recover(); panicked != nil {
			made = answer{ID: asked.ID, Fault: fmt.Sprintf("panic: %v", panicked)}
		}
	}()
	given, err := variables(asked.Vars)
	if err != nil {
		made.Fault = err.Error()
		return made
	}
	if len(asked.Policy) > 0 {
		made.Result, err = judge(asked.Policy, given)
		if err != nil {
			made.Fault = err.Error()
		}
		return made
	}
	if len(asked.Mutation) > 0 {
		made.Mutated, err = mutate(asked.Mutation, given)
		if err != nil {
			made.Fault = err.Error()
		}
		return made
	}
	env, err := environmentOf(asked.More, asked.Patch)
	if err != nil {
		made.Fault = err.Error()
		return made
	}
	tree, issues := env.Compile(asked.Expr)
	if issues != nil && issues.Err() != nil {
		made.Refused = issues.String()
		return made
	}
	if asked.Check {
		made.Type = tree.OutputType().String()
		return made
	}
	program, err := env.Program(tree)
	if err != nil {
		made.Refused = "program: " + err.Error()
		return made
	}
	value, details, err := program.ContextEval(context.Background(), given)
	if details != nil {
		made.Cost = details.ActualCost()
	}
	if err != nil {
		made.Failed = err.Error()
		return made
	}
	text := render(value)
	made.Value = &text
	return made
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for lines.Scan() {
		var asked request
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		made := answer{}
		if err := decoder.Decode(&asked); err != nil {
			made.Fault = err.Error()
		} else {
			made = evaluate(asked)
		}
		if err := encoder.Encode(made); err != nil {
			fmt.Fprintln(os.Stderr, "peer:", err)
			os.Exit(1)
		}
		if err := out.Flush(); err != nil {
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

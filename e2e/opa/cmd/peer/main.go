// Answers many questions about Rego with OPA's own libraries in one process, because a process of `opa` for each of
// 20,000 programs would take an hour. In: one JSON object a line (request). Out: one JSON object a line, in the same order
// (answer). See the two structs for what can be asked; PEER_PROCESSES bounds how many are worked on at once.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

type request struct {
	ID any `json:"id"`
	// Name to text. Without a query they are compiled only.
	Modules map[string]string `json:"modules"`
	Query   string            `json:"query"`
	Input   json.RawMessage   `json:"input"`
	// The input in Rego's notation (sets); wins over Input.
	InputTerm string          `json:"input_term"`
	Data      json.RawMessage `json:"data"`
	// The language of modules and query: v0 instead of v1.
	V0 bool `json:"v0"`
	// Modules are v0 that is also v1 (`--v0-v1`).
	V0V1   bool `json:"v0v1"`
	Strict bool `json:"strict"`
	// Builtins' errors end the evaluation.
	StrictBuiltinErrors bool `json:"strict_builtin_errors"`
	// Values are given in Rego's notation, so that sets stay sets.
	Terms bool `json:"terms"`
	// Formats each module instead of compiling.
	Format bool `json:"format"`
	// Parses each module instead of compiling and gives its tree.
	Parse bool `json:"parse"`
	// Evaluates the prepared query that many times and gives the time of one.
	Bench int `json:"bench"`
	// What time.now_ns is.
	NowNS int64 `json:"now_ns"`
	// Default 5000.
	TimeoutMS int `json:"timeout_ms"`
}

type solution struct {
	Expressions []any          `json:"expressions"`
	Bindings    map[string]any `json:"bindings"`
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Row     int    `json:"row,omitempty"`
	Col     int    `json:"col,omitempty"`
	// Lines below the message: types that were had and wanted.
	Details []string `json:"details,omitempty"`
}

// Exactly one of result, errors, formatted, trees is there; result is null after compiling only.
type answer struct {
	ID        any               `json:"id"`
	Result    *[]solution       `json:"result,omitempty"`
	Errors    []problem         `json:"errors,omitempty"`
	Formatted map[string]string `json:"formatted,omitempty"`
	Trees     map[string]any    `json:"trees,omitempty"`
	// Compiled without errors, no query asked.
	Compiled bool `json:"compiled,omitempty"`
	// Of one evaluation.
	Nanoseconds float64 `json:"nanoseconds,omitempty"`
	Allocations float64 `json:"allocations,omitempty"`
}

func location(at *ast.Location) (file string, row, col int) {
	if at == nil {
		return "", 0, 0
	}
	return at.File, at.Row, at.Col
}

func details(err *ast.Error) []string {
	if err.Details == nil {
		return nil
	}
	return err.Details.Lines()
}

func problems(err error) []problem {
	var list ast.Errors
	var one *ast.Error
	var run *topdown.Error
	var several rego.Errors
	switch {
	case errors.As(err, &several):
		var all []problem
		for _, each := range several {
			all = append(all, problems(each)...)
		}
		return all
	case errors.As(err, &list):
		all := make([]problem, 0, len(list))
		for _, each := range list {
			file, row, col := location(each.Location)
			all = append(all, problem{each.Code, each.Message, file, row, col, details(each)})
		}
		return all
	case errors.As(err, &one):
		file, row, col := location(one.Location)
		return []problem{{one.Code, one.Message, file, row, col, details(one)}}
	case errors.As(err, &run):
		file, row, col := location(run.Location)
		return []problem{{run.Code, run.Message, file, row, col, nil}}
	}
	return []problem{{Code: "other", Message: err.Error()}}
}

func value(raw json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var any any
	err := decoder.Decode(&any)
	return any, err
}

func answered(ask *request) (reply answer) {
	reply.ID = ask.ID
	defer func() {
		if caught := recover(); caught != nil {
			reply = answer{ID: ask.ID, Errors: []problem{{Code: "panic", Message: fmt.Sprint(caught)}}}
		}
	}()
	refuse := func(err error) answer { return answer{ID: ask.ID, Errors: problems(err)} }

	version := ast.RegoV1
	if ask.V0V1 {
		version = ast.RegoV0CompatV1
	} else if ask.V0 {
		version = ast.RegoV0
	}
	names := make([]string, 0, len(ask.Modules))
	for name := range ask.Modules {
		names = append(names, name)
	}
	slices.Sort(names)

	if ask.Format {
		reply.Formatted = map[string]string{}
		for _, name := range names {
			reading := ast.ParserOptions{RegoVersion: version}
			if ask.V0V1 {
				reading.RegoVersion = ast.RegoV0
			}
			text, err := format.SourceWithOpts(name, []byte(ask.Modules[name]), format.Opts{
				RegoVersion:   version,
				ParserOptions: &reading,
				Capabilities:  ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(version)),
			})
			if err != nil {
				return refuse(err)
			}
			reply.Formatted[name] = string(text)
		}
		return reply
	}

	options := ast.ParserOptions{RegoVersion: version, ProcessAnnotation: true}
	modules := map[string]*ast.Module{}
	var refused ast.Errors
	for _, name := range names {
		module, err := ast.ParseModuleWithOpts(name, ask.Modules[name], options)
		var list ast.Errors
		switch {
		case errors.As(err, &list):
			refused = append(refused, list...)
		case err != nil:
			return refuse(err)
		default:
			modules[name] = module
		}
	}
	if len(refused) > 0 {
		return refuse(refused)
	}
	if ask.Parse {
		reply.Trees = map[string]any{}
		for name, module := range modules {
			reply.Trees[name] = module
		}
		return reply
	}
	compiler := ast.NewCompiler().WithStrict(ask.Strict).WithDefaultRegoVersion(version).WithEnablePrintStatements(false).WithUseTypeCheckAnnotations(true).
		WithUseTypeCheckAnnotations(true)
	if compiler.Compile(modules); compiler.Failed() {
		return refuse(compiler.Errors)
	}
	if ask.Query == "" {
		reply.Compiled = true
		return reply
	}

	store := inmem.NewFromASTObject(ast.NewObject())
	if len(ask.Data) > 0 {
		data, err := value(ask.Data)
		if err != nil {
			return refuse(err)
		}
		tree, err := ast.InterfaceToValue(data)
		if err != nil {
			return refuse(err)
		}
		if object, ok := tree.(ast.Object); ok {
			store = inmem.NewFromASTObject(object)
		}
	}
	timeout := time.Duration(ask.TimeoutMS) * time.Millisecond
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	if ask.Bench > 0 {
		timeout = time.Hour
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	settings := []func(*rego.Rego){
		rego.SetRegoVersion(version), rego.Compiler(compiler), rego.Query(ask.Query), rego.Store(store),
		rego.Strict(ask.Strict), rego.StrictBuiltinErrors(ask.StrictBuiltinErrors), rego.Time(time.Unix(0, ask.NowNS).UTC()),
	}
	if ask.Terms {
		settings = append(settings, rego.GenerateJSON(func(term *ast.Term, _ *rego.EvalContext) (any, error) {
			return term.String(), nil
		}))
	}
	prepared, err := rego.New(settings...).PrepareForEval(ctx)
	if err != nil {
		return refuse(err)
	}
	evaluating := []rego.EvalOption{rego.EvalTime(time.Unix(0, ask.NowNS).UTC())}
	if ask.InputTerm != "" {
		term, err := ast.ParseTerm(ask.InputTerm)
		if err != nil {
			return refuse(err)
		}
		evaluating = append(evaluating, rego.EvalParsedInput(term.Value))
	} else if len(ask.Input) > 0 {
		input, err := value(ask.Input)
		if err != nil {
			return refuse(err)
		}
		tree, err := ast.InterfaceToValue(input)
		if err != nil {
			return refuse(err)
		}
		evaluating = append(evaluating, rego.EvalParsedInput(tree))
	}
	results, err := prepared.Eval(ctx, evaluating...)
	if err != nil {
		return refuse(err)
	}
	if ask.Bench > 0 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		for range ask.Bench {
			if _, err := prepared.Eval(ctx, evaluating...); err != nil {
				return refuse(err)
			}
		}
		reply.Nanoseconds = float64(time.Since(start).Nanoseconds()) / float64(ask.Bench)
		runtime.ReadMemStats(&after)
		reply.Allocations = float64(after.Mallocs-before.Mallocs) / float64(ask.Bench)
	}
	solutions := make([]solution, 0, len(results))
	for _, each := range results {
		next := solution{Expressions: []any{}, Bindings: each.Bindings}
		for _, expression := range each.Expressions {
			next.Expressions = append(next.Expressions, expression.Value)
		}
		solutions = append(solutions, next)
	}
	reply.Result = &solutions
	return reply
}

func line(reply answer) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(reply); err != nil {
		out.Reset()
		_ = encoder.Encode(answer{ID: reply.ID, Errors: []problem{{Code: "other", Message: err.Error()}}})
	}
	return out.Bytes()
}

func main() {
	workers := runtime.GOMAXPROCS(0)
	if asked, err := strconv.Atoi(os.Getenv("PEER_PROCESSES")); err == nil && asked > 0 {
		workers = asked
	}
	// Answers leave in the order of the questions: each question has its own channel in this queue.
	waiting := make(chan chan []byte, 4*workers)
	slots := make(chan struct{}, workers)
	go func() {
		defer close(waiting)
		reader := bufio.NewReaderSize(os.Stdin, 1<<20)
		for {
			text, err := reader.ReadBytes('\n')
			if len(bytes.TrimSpace(text)) > 0 {
				done := make(chan []byte, 1)
				waiting <- done
				slots <- struct{}{}
				go func() {
					defer func() { <-slots }()
					var ask request
					if err := util.NewJSONDecoder(bytes.NewReader(text)).Decode(&ask); err != nil {
						done <- line(answer{Errors: []problem{{Code: "request", Message: err.Error()}}})
						return
					}
					done <- line(answered(&ask))
				}()
			}
			if err != nil {
				return
			}
		}
	}()
	out := bufio.NewWriter(os.Stdout)
	for done := range waiting {
		_, _ = out.Write(<-done)
		// Flushed when nobody waits, so that it can be talked with as well as fed.
		if len(waiting) == 0 {
			_ = out.Flush()
		}
	}
	_ = out.Flush()
}

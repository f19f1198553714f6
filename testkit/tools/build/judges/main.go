// Asks those who wait for objects what they make of one: kstatus, Flux's health check expressions, Argo CD's Lua.
//
// One question per line of standard input, one answer per line of standard output, both JSON. The libraries are the ones that the tools
// themselves are built from, so that a test hears what a cluster would say.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	whole "k8s.io/apimachinery/pkg/util/json"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type question struct {
	Judge       string                           `json:"judge"`
	Object      map[string]any                   `json:"object"`
	Expressions kustomize.HealthCheckExpressions `json:"expressions"`
	Script      string                           `json:"script"`
}

type answer struct {
	Status  string `json:"status"`
	Message string `json:"message"`
	Error   string `json:"error,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		err := whole.Unmarshal(lines.Bytes(), &asked) // whole numbers stay whole, as everywhere in Kubernetes
		var said answer
		if err == nil {
			said, err = judged(asked)
		}
		if err != nil {
			said = answer{Error: err.Error()}
		}
		if err := answers.Encode(said); err != nil {
			panic(err)
		}
	}
}

func judged(asked question) (answer, error) {
	object := &unstructured.Unstructured{Object: asked.Object}
	switch asked.Judge {
	case "kstatus":
		result, err := kstatus.Compute(object)
		if err != nil {
			return answer{}, err
		}
		return answer{Status: result.Status.String(), Message: result.Message}, nil
	case "flux":
		evaluator, err := cel.NewStatusEvaluator(&asked.Expressions)
		if err != nil {
			return answer{}, err
		}
		result, err := evaluator.Evaluate(context.Background(), object)
		if err != nil {
			return answer{}, err
		}
		return answer{Status: result.Status.String(), Message: result.Message}, nil
	case "argocd":
		return inLua(asked)
	}
	return answer{}, fmt.Errorf("nobody is called %q", asked.Judge)
}

// inLua runs a health script with what Argo CD gives one: the basic functions and tables, no strings, no files, and a second of time.
func inLua(asked question) (answer, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), NRet: 0, Protect: true}, lua.LString(name)); err != nil {
			return answer{}, err
		}
	}
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limited)
	state.SetGlobal("obj", value(state, asked.Object))
	if err := state.DoString(asked.Script); err != nil {
		return answer{}, err
	}
	health, isTable := state.Get(-1).(*lua.LTable)
	if !isTable {
		return answer{}, fmt.Errorf("the script returned %s instead of a table", state.Get(-1).Type())
	}
	return answer{Status: lua.LVAsString(health.RawGetString("status")), Message: lua.LVAsString(health.RawGetString("message"))}, nil
}

func value(state *lua.LState, given any) lua.LValue {
	switch given := given.(type) {
	case bool:
		return lua.LBool(given)
	case int64:
		return lua.LNumber(given)
	case float64:
		return lua.LNumber(given)
	case string:
		return lua.LString(given)
	case []any:
		table := state.CreateTable(len(given), 0)
		for _, each := range given {
			table.Append(value(state, each))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(given))
		for name, each := range given {
			table.RawSetString(name, value(state, each))
		}
		return table
	}
	return lua.LNil
}

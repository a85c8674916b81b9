// Values of CEL as text, with their types: 1, 1u, 1.0, "a", b"61", [1], {"k": 1}, type(int), timestamp("…"), duration("1s"),
// optional.of(1), optional.none(), kubernetes.Quantity("1"); maps in the order of their keys' texts.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"k8s.io/apimachinery/pkg/api/resource"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// As the API server reads objects: whole numbers are int64, the others float64.
func decoded(raw []byte) (any, error) {
	var value any
	err := utiljson.Unmarshal(raw, &value)
	return value, err
}

func quoted(text string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func double(number float64) string {
	switch {
	case math.IsNaN(number):
		return "NaN"
	case math.IsInf(number, 1):
		return "Infinity"
	case math.IsInf(number, -1):
		return "-Infinity"
	}
	text := strconv.FormatFloat(number, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

// Not as it was written, which a quantity remembers.
func canonical(name string, of *resource.Quantity) string {
	number, suffix := of.CanonicalizeBytes(nil)
	return fmt.Sprintf("%s(%s)", name, quoted(string(number)+string(suffix)))
}

func render(value ref.Val) string {
	switch value := value.(type) {
	case nil:
		return "nil"
	case types.Null:
		return "null"
	case types.Bool:
		return strconv.FormatBool(bool(value))
	case types.Int:
		return strconv.FormatInt(int64(value), 10)
	case types.Uint:
		return strconv.FormatUint(uint64(value), 10) + "u"
	case types.Double:
		return double(float64(value))
	case types.String:
		return quoted(string(value))
	case types.Bytes:
		return "b\"" + hex.EncodeToString(value) + "\""
	case types.Timestamp:
		return "timestamp(\"" + value.Time.UTC().Format(time.RFC3339Nano) + "\")"
	case types.Duration:
		return "duration(\"" + strconv.FormatFloat(value.Duration.Seconds(), 'f', -1, 64) + "s\")"
	case *types.Type:
		return "type(" + value.TypeName() + ")"
	case *types.Optional:
		if !value.HasValue() {
			return "optional.none()"
		}
		return "optional.of(" + render(value.GetValue()) + ")"
	case *types.Err:
		return "error(" + quoted(value.Error()) + ")"
	case traits.Lister:
		var parts []string
		for each := value.Iterator(); each.HasNext() == types.True; {
			parts = append(parts, render(each.Next()))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case traits.Mapper:
		var parts []string
		for each := value.Iterator(); each.HasNext() == types.True; {
			key := each.Next()
			parts = append(parts, render(key)+": "+render(value.Get(key)))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case apiservercel.Quantity:
		return canonical(value.Type().TypeName(), value.Quantity)
	case *apiservercel.Quantity:
		return canonical(value.Type().TypeName(), value.Quantity)
	case apiservercel.Semver:
		return fmt.Sprintf("%s(%s)", value.Type().TypeName(), quoted(value.Version.String()))
	case apiservercel.URL:
		return fmt.Sprintf("%s(%s)", value.Type().TypeName(), quoted(value.URL.String()))
	case apiservercel.IP:
		return fmt.Sprintf("%s(%s)", value.Type().TypeName(), quoted(value.Addr.String()))
	case apiservercel.CIDR:
		return fmt.Sprintf("%s(%s)", value.Type().TypeName(), quoted(value.Prefix.String()))
	}
	return value.Type().TypeName() + "(…)"
}

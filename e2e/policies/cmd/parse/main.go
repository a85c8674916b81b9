// Asks conftest's own parsers many questions in one process. In: lines of JSON {"parser", "text"}. Out: for each a line of
// JSON {"value"} or {"error"}. Arguments: folders with definitions of Protocol Buffers.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/open-policy-agent/conftest/parser"
	"github.com/spf13/viper"
	// What conftest's own program knows besides, by what else is in it.
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

type question struct {
	Parser string `json:"parser"`
	Text   string `json:"text"`
}

func answer(asked question) (value any, err error) {
	// Some of the parsers panic.
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("panic: %v", caught)
		}
	}()
	with, err := parser.New(asked.Parser)
	if err != nil {
		return nil, err
	}
	err = with.Unmarshal([]byte(asked.Text), &value)
	return value, err
}

func main() {
	viper.Set("proto-file-dirs", os.Args[1:])
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			panic(err)
		}
		value, err := answer(asked)
		said := []byte(nil)
		if err == nil {
			said, err = json.Marshal(map[string]any{"value": value})
		}
		if err != nil {
			said, _ = json.Marshal(map[string]string{"error": err.Error()})
		}
		fmt.Println(string(said))
	}
}

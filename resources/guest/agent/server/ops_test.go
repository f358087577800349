package server

import (
	"encoding/json"
	"os"
	"testing"
)

func TestEveryOpOfTheContractIsAnswered(t *testing.T) {
	text, err := os.ReadFile("../../contract.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Ops map[string]struct {
			In, Out bool
			From    string
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for name, wanted := range file.Ops {
		if wanted.From == "agent" {
			continue
		}
		found, ok := ops[name]
		if !ok || found.in != wanted.In || found.out != wanted.Out {
			t.Errorf("op %s: there %v, in %v, out %v; the contract has in %v, out %v", name, ok, found.in, found.out, wanted.In, wanted.Out)
		}
	}
}

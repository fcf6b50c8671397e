package main

import "testing"

func TestMatches(t *testing.T) {
	cases := []struct {
		name       string
		rule       rule
		host, path string
		want       bool
	}{
		{"the host itself", rule{host: "a.localhost", path: "/"}, "a.localhost", "/x", true},
		{"another host", rule{host: "a.localhost", path: "/"}, "b.localhost", "/", false},
		{"any host", rule{path: "/"}, "b.localhost", "/", true},
		{"a wildcard's label", rule{host: "*.localhost", path: "/"}, "b.localhost", "/", true},
		{"a wildcard takes one label only", rule{host: "*.localhost", path: "/"}, "c.b.localhost", "/", false},
		{"a wildcard needs a label", rule{host: "*.localhost", path: "/"}, "localhost", "/", false},
		{"a path below the prefix", rule{path: "/app"}, "x", "/app/login", true},
		{"the prefix itself", rule{path: "/app/"}, "x", "/app", true},
		{"half a path element", rule{path: "/app"}, "x", "/apple", false},
		{"an exact path", rule{path: "/app", exact: true}, "x", "/app", true},
		{"below an exact path", rule{path: "/app", exact: true}, "x", "/app/x", false},
	}
	for _, c := range cases {
		if got := c.rule.matches(c.host, c.path); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestTheMostSpecificRuleComesFirst(t *testing.T) {
	rules := []rule{
		{path: "/"},
		{host: "*.localhost", path: "/"},
		{host: "a.localhost", path: "/"},
		{host: "a.localhost", path: "/app"},
		{host: "a.localhost", path: "/a", exact: true},
	}
	sortRules(rules)
	want := []string{"a.localhost/a", "a.localhost/app", "a.localhost/", "*.localhost/", "/"}
	for i, rule := range rules {
		if got := rule.host + rule.path; got != want[i] {
			t.Errorf("position %d: got %s, want %s", i, got, want[i])
		}
	}
}

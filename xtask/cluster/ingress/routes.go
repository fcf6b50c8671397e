package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	networklisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
)

const classAnnotation = "kubernetes.io/ingress.class"

// rule is one path of one Ingress: where requests for a host and a path go.
type rule struct {
	host, path string
	exact      bool
	namespace  string
	service    networking.IngressServiceBackend
}

// routes keeps the table of rules in step with the cluster's Ingress objects, and publishes the address in their status.
type routes struct {
	client         kubernetes.Interface
	class, address string
	factory        informers.SharedInformerFactory
	ingresses      networklisters.IngressLister
	services       corelisters.ServiceLister
	changed        chan struct{}
	table          atomic.Pointer[[]rule]
}

func newRoutes(client kubernetes.Interface, class, address string) *routes {
	factory := informers.NewSharedInformerFactory(client, 0)
	return &routes{
		client: client, class: class, address: address, factory: factory,
		ingresses: factory.Networking().V1().Ingresses().Lister(),
		services:  factory.Core().V1().Services().Lister(),
		changed:   make(chan struct{}, 1),
	}
}

// health answers 200 once the first table has been built.
func (r *routes) health() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if r.table.Load() == nil {
			http.Error(w, "the routes are not known yet", http.StatusServiceUnavailable)
		}
	})
}

func (r *routes) run(ctx context.Context) {
	wake := func() {
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
	_, err := r.factory.Networking().V1().Ingresses().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { wake() },
		UpdateFunc: func(_, _ any) { wake() },
		DeleteFunc: func(any) { wake() },
	})
	if err != nil {
		log.Fatal(err)
	}
	// Services are read from the informer's store when a request comes, so that their events need no handler.
	r.factory.Core().V1().Services().Informer()
	r.factory.Start(ctx.Done())
	r.factory.WaitForCacheSync(ctx.Done())
	wake()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
			if !r.rebuild(ctx) {
				time.AfterFunc(time.Second, wake)
			}
		}
	}
}

// rebuild makes the table anew and publishes the address where it is missing; false if that has to be tried again.
func (r *routes) rebuild(ctx context.Context) bool {
	all, err := r.ingresses.List(labels.Everything())
	if err != nil {
		log.Printf("list ingresses: %v", err)
		return false
	}
	var table []rule
	published := true
	for _, ingress := range all {
		if !r.serves(ingress) {
			continue
		}
		table = append(table, rulesOf(ingress)...)
		published = r.publish(ctx, ingress) && published
	}
	sortRules(table)
	r.table.Store(&table)
	return published
}

func (r *routes) serves(ingress *networking.Ingress) bool {
	if name := ingress.Spec.IngressClassName; name != nil {
		return *name == r.class
	}
	return ingress.Annotations[classAnnotation] == r.class
}

func (r *routes) publish(ctx context.Context, ingress *networking.Ingress) bool {
	now := ingress.Status.LoadBalancer.Ingress
	if len(now) == 1 && now[0].IP == r.address {
		return true
	}
	update := ingress.DeepCopy()
	update.Status.LoadBalancer.Ingress = []networking.IngressLoadBalancerIngress{{IP: r.address}}
	_, err := r.client.NetworkingV1().Ingresses(ingress.Namespace).UpdateStatus(ctx, update, meta.UpdateOptions{})
	if err != nil {
		log.Printf("publish %s/%s: %v", ingress.Namespace, ingress.Name, err)
	}
	return err == nil
}

func rulesOf(ingress *networking.Ingress) []rule {
	var rules []rule
	add := func(host, path string, exact bool, backend networking.IngressBackend) {
		if backend.Service != nil {
			rules = append(rules, rule{strings.ToLower(host), path, exact, ingress.Namespace, *backend.Service})
		}
	}
	if ingress.Spec.DefaultBackend != nil {
		add("", "/", false, *ingress.Spec.DefaultBackend)
	}
	for _, spec := range ingress.Spec.Rules {
		if spec.HTTP == nil {
			continue
		}
		for _, path := range spec.HTTP.Paths {
			exact := path.PathType != nil && *path.PathType == networking.PathTypeExact
			add(spec.Host, path.Path, exact, path.Backend)
		}
	}
	return rules
}

// sortRules puts the most specific rule first: named hosts before wildcards before none, exact paths before prefixes, long before short.
func sortRules(rules []rule) {
	hostRank := func(host string) int {
		switch {
		case host == "":
			return 2
		case strings.HasPrefix(host, "*."):
			return 1
		default:
			return 0
		}
	}
	sort.SliceStable(rules, func(i, j int) bool {
		a, b := rules[i], rules[j]
		if x, y := hostRank(a.host), hostRank(b.host); x != y {
			return x < y
		}
		if a.exact != b.exact {
			return a.exact
		}
		return len(a.path) > len(b.path)
	})
}

func (rule rule) matches(host, path string) bool {
	switch {
	case rule.host == "":
	case strings.HasPrefix(rule.host, "*."):
		_, parent, found := strings.Cut(host, ".")
		if !found || parent != rule.host[2:] {
			return false
		}
	case rule.host != host:
		return false
	}
	if rule.exact {
		return path == rule.path
	}
	prefix := strings.TrimSuffix(rule.path, "/")
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// backend names the address and port of the Service for a request; the error's text is for the visitor.
func (r *routes) backend(hostport, path string) (string, error) {
	host := strings.ToLower(hostport)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	table := r.table.Load()
	if table == nil {
		return "", fmt.Errorf("the routes are not known yet")
	}
	for _, rule := range *table {
		if rule.matches(host, path) {
			return r.addressOf(rule)
		}
	}
	return "", fmt.Errorf("no store is served at %q", hostport)
}

func (r *routes) addressOf(rule rule) (string, error) {
	service, err := r.services.Services(rule.namespace).Get(rule.service.Name)
	if err != nil || service.Spec.ClusterIP == "" || service.Spec.ClusterIP == "None" {
		return "", fmt.Errorf("the store's service %s/%s has no address", rule.namespace, rule.service.Name)
	}
	for _, port := range service.Spec.Ports {
		if port.Port == rule.service.Port.Number || (rule.service.Port.Name != "" && port.Name == rule.service.Port.Name) {
			return net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(int(port.Port))), nil
		}
	}
	return "", fmt.Errorf("the store's service %s/%s has no such port", rule.namespace, rule.service.Name)
}

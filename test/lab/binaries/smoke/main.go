// Command smoke runs in the pods that prove a cluster works: it answers HTTP, asks HTTP and looks
// up names. It has its own resolver because busybox-static's look-ups crash (static glibc).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"syscall"
	"time"
)

const usage = `smoke serve [--port 8080]           answer HTTP with {"hostname":…,"address":…} of this pod
smoke get URL [--timeout 5s]        print the body; exit 1 unless the status is 2xx
smoke lookup NAME [--timeout 5s]    print the addresses of a name, one a line; exit 1 if there are none
smoke sleep                         wait until stopped

Exit codes: 0 done, 1 the check failed, 2 wrong arguments.
`

// errUsage marks arguments that fit no command.
var errUsage = errors.New("wrong arguments")

func main() {
	// PID 1 gets no default action for SIGTERM, so a pod without this would wait for its SIGKILL.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "smoke: %v\n\n%s", err, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "smoke: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: no command", errUsage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	switch args[0] {
	case "serve":
		port := flags.Int("port", 8080, "")
		if _, err := parse(flags, args[1:], 0); err != nil {
			return err
		}
		return serve(ctx, *port)
	case "get":
		timeout := flags.Duration("timeout", 5*time.Second, "")
		operands, err := parse(flags, args[1:], 1)
		if err != nil {
			return err
		}
		return get(ctx, operands[0], *timeout, out)
	case "lookup":
		timeout := flags.Duration("timeout", 5*time.Second, "")
		operands, err := parse(flags, args[1:], 1)
		if err != nil {
			return err
		}
		return lookup(ctx, operands[0], *timeout, out)
	case "sleep":
		if _, err := parse(flags, args[1:], 0); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	case "help", "--help", "-h":
		_, err := fmt.Fprint(out, usage)
		return err
	}
	return fmt.Errorf("%w: no command %q", errUsage, args[0])
}

// parse returns the operands, of which there must be exactly count. Flags may stand before or after
// them; package flag alone stops at the first operand.
func parse(flags *flag.FlagSet, args []string, count int) ([]string, error) {
	var operands []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, fmt.Errorf("%w: %v", errUsage, err)
		}
		if flags.NArg() == 0 {
			break
		}
		operands = append(operands, flags.Arg(0))
		args = flags.Args()[1:]
	}
	if len(operands) != count {
		return nil, fmt.Errorf("%w: operands of %s: %d instead of %d", errUsage, flags.Name(), len(operands), count)
	}
	return operands, nil
}

type identity struct {
	Hostname string `json:"hostname"`
	// Address is the one the request arrived at: behind a Service it tells which pod answered.
	Address string `json:"address"`
}

func serve(ctx context.Context, port int) error {
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr:              net.JoinHostPort("", strconv.Itoa(port)),
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			address := ""
			if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
				address = local.IP.String()
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(identity{hostname, address})
		}),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func get(ctx context.Context, url string, timeout time.Duration, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// Its own transport: no proxy from the environment, no connection kept.
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       (&net.Dialer{Resolver: resolver()}).DialContext,
	}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(out, response.Body); err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}

func lookup(ctx context.Context, name string, timeout time.Duration, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addresses, err := resolver().LookupHost(ctx, name)
	if err != nil {
		return err
	}
	sort.Strings(addresses)
	for _, address := range addresses {
		fmt.Fprintln(out, address)
	}
	return nil
}

func resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true}
}

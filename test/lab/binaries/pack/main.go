// Command pack makes a container image archive of one layer out of a folder. The same folder gives
// the same bytes: entries are sorted, owned by root and dated 1970.
//
// The archive is an OCI image layout and a docker archive in one, as `docker save` writes it, so that
// either kind of reader takes it.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

var epoch = time.Unix(0, 0).UTC()

// netBindService is the value of security.capability (struct vfs_cap_data, revision 2, effective)
// that grants CAP_NET_BIND_SERVICE, bit 10. Source: linux/capability.h.
const netBindService = "\x01\x00\x00\x02\x00\x04\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

type words []string

func (w *words) String() string         { return fmt.Sprint(*w) }
func (w *words) Set(value string) error { *w = append(*w, value); return nil }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run() error {
	var entrypoint, command, environment words
	root := flag.String("root", "", "the folder that becomes the image's /")
	out := flag.String("out", "", "the archive to write")
	reference := flag.String("reference", "", "the image's name and tag, with its registry")
	arch := flag.String("arch", "", "GOARCH of the image")
	user := flag.String("user", "", "UID:GID")
	lowPorts := flag.String("low-ports", "", "path in the image of a program that may bind ports below 1024")
	flag.Var(&entrypoint, "entrypoint", "a word of the entry point; repeatable")
	flag.Var(&command, "command", "a word of the default command; repeatable")
	flag.Var(&environment, "env", "NAME=VALUE; repeatable")
	flag.Parse()
	if *root == "" || *out == "" || *reference == "" || *arch == "" || flag.NArg() > 0 {
		return errors.New("needs --root, --out, --reference and --arch, and takes no operands")
	}

	layer, err := layerOf(*root, *lowPorts)
	if err != nil {
		return err
	}
	config := marshal(map[string]any{
		"architecture": *arch,
		"os":           "linux",
		"config": map[string]any{
			"User":       *user,
			"Env":        environment,
			"Entrypoint": entrypoint,
			"Cmd":        command,
			"WorkingDir": "/",
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{digest(layer)}},
		"history": []any{map[string]any{"created": epoch, "created_by": "kbin lab"}},
		"created": epoch,
	})
	manifest := marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     "application/vnd.oci.image.manifest.v1+json",
		"config":        descriptor("application/vnd.oci.image.config.v1+json", config),
		"layers":        []any{descriptor("application/vnd.oci.image.layer.v1.tar", layer)},
	})
	listed := descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
	listed["platform"] = map[string]any{"architecture": *arch, "os": "linux"}
	// containerd takes the whole reference from io.containerd.image.name.
	listed["annotations"] = map[string]any{"io.containerd.image.name": *reference}
	index := marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     "application/vnd.oci.image.index.v1+json",
		"manifests":     []any{listed},
	})
	docker := marshal([]any{map[string]any{
		"Config":   blob(config),
		"RepoTags": []string{*reference},
		"Layers":   []string{blob(layer)},
	}})

	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, file := range []struct {
		name string
		body []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{"manifest.json", docker},
		{blob(config), config},
		{blob(manifest), manifest},
		{blob(layer), layer},
	} {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: file.name, Mode: 0o644, Size: int64(len(file.body)), ModTime: epoch}
		if err := writer.WriteHeader(header); err != nil {
			return err
		}
		if _, err := writer.Write(file.body); err != nil {
			return err
		}
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return os.WriteFile(*out, archive.Bytes(), 0o644)
}

// layerOf returns root as a tar. Modes come from the folder; owners and times do not.
func layerOf(root, lowPorts string) ([]byte, error) {
	var layer bytes.Buffer
	writer := tar.NewWriter(&layer)
	found := lowPorts == ""
	// WalkDir goes in lexical order.
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		target := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if target, err = os.Readlink(path); err != nil {
				return err
			}
		}
		from, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		header := &tar.Header{Typeflag: from.Typeflag, Name: name, Linkname: target, Mode: from.Mode, Size: from.Size, ModTime: epoch}
		if info.IsDir() {
			header.Name += "/"
		}
		if "/"+name == lowPorts {
			found = true
			header.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": netBindService}
		}
		if err := writer.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(writer, file)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%s holds no %s", root, lowPorts)
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return layer.Bytes(), nil
}

func descriptor(mediaType string, content []byte) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": digest(content), "size": len(content)}
}

func blob(content []byte) string { return "blobs/sha256/" + digest(content)[len("sha256:"):] }

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// marshal never fails here: the values are maps, strings and numbers. Maps are written in key order.
func marshal(value any) []byte {
	out, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return out
}

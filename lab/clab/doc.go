// Package clab reads containerlab topology files (*.clab.yml) unedited into one model, [Topology], that the
// other importers (lab/kathara, lab/mininet) fill as well.
//
// Reading has two steps, so that a file of vendor systems can still be drawn and inspected:
//
//   - [Parse] and [ParseFile] check the form: fields, types, references between nodes and links. Every mistake
//     is an [Error] with file, line, column, the source line and what to write instead; all are reported at once.
//   - [Topology.Runnable] says what this machine cannot run: vendor kinds, links to the host, published ports.
//
// What the file says and linen does not need (images, CPU limits, licences) is accepted and kept as a Note.
//
// The semantics are containerlab's manual's (topology definition, nodes, network, kinds): layers merge in the
// order defaults < kinds < groups < node; scalars and ports, dns and healthcheck are replaced by the nearest
// layer, env, labels and sysctls merge by key, exec is appended, binds merge by destination, env-files and
// aliases merge without duplicates. ${VAR}, ${VAR:-default} and ${VAR:=default} are replaced before the YAML is read; a variable
// that is not set and has no default stays as written, and $$ is one dollar.
//
// linen's own settings ride where containerlab allows free-form data, in a link's (or endpoint's)
// `vars: {linen: {delay, jitter, loss, rate, duplicate, corrupt, reorder, seed}}`, so a file stays valid for both.
//
// Not done: `settings`, `config`, `certificate`, `extras` and `components` are accepted and ignored.
package clab

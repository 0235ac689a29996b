// One function a section of the config: it reads its part of a Config and checks what can be seen
// from there. They report to the section's Problems and leave what they could not read at its
// default.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/load.h"
#include "proxy/config/provider.h"
#include "proxy/config/section.h"

namespace sallyport::config {

/// Names that must be used once, with the place of the first use.
class Names {
 public:
  /// Whether names that differ only in the case of A-Z are the same.
  enum class Case : std::uint8_t { kDistinct, kIgnored };

  explicit Names(Case letters = Case::kDistinct) : letters_(letters) {}

  /// Notes `name`, or blames `key` of `section` because it was taken before.
  void take(const Section& section, std::string_view key, const std::string& name);
  /// The same for a name of a file that has no sections.
  void take(Problems& problems, Place place, const std::string& name);
  /// A name that is taken elsewhere; `where` is how a message points there.
  void taken(const std::string& name, std::string where);
  /// The places noted since the last call belong to `file`; from now on another one is read.
  void next_file(const std::string& file);

 private:
  struct First {
    std::string name;
    std::string where;
    bool file_said = false;  // in `where`
  };
  /// Notes `name`, or says in words who has it already.
  std::optional<std::string> note(const std::string& name, Place place);
  std::string key_of(const std::string& name) const;

  const Case letters_;
  std::map<std::string, First, std::less<>> first_;
};

/// hostname, workers, drain_timeout, partial_rejection.
void read_process(const Section& top, const Outside& outside, Config& config);
/// [[listener]] and [tls].
void read_listeners(const Section& top, const Outside& outside, Config& config);
/// [listener.header].
void read_header(const Section& section, HeaderRules& rules);
/// Is this the name of a header field (RFC 5322 section 3.6.8)? `kFieldName` is what to expect.
bool is_field_name(std::string_view name);
inline constexpr std::string_view kFieldName = "the name of a header field, such as \"User-Agent\"";
/// A table of header fields under `key`: names that are the same for all messages, and their text.
void read_fields(const Section& section, std::string_view key, std::vector<HeaderField>& into);
/// disabled_extensions of a [[listener]] or an [[upstream]].
std::vector<std::string> read_disabled_extensions(const Section& section);
/// [session], [message], [log], [admin], [metrics]; needs the listeners.
void read_operation(const Section& top, const Outside& outside, Config& config);
/// mechanisms of [auth] or a [[listener]], each once.
std::vector<std::string> read_mechanisms(const Section& section);
/// Blames mechanisms by which nobody could log in; needs the users.
void check_mechanisms(const Section& auth, const Config& config);
/// [limits], then [auth] with [[auth.user]], the users file and each [[auth.source]].
void read_auth(const Section& top, const Outside& outside, Config& config);
/// [[upstream]]; needs the listeners, which must not be one.
void read_upstreams(const Section& top, const Outside& outside, Config& config);
/// server_name, pin, certificate, key and min_tls of an [[upstream]].
void read_upstream_tls(const Section& section, const Outside& outside, Upstream& upstream);
/// What `upstream_port_form` gives for "auto".
inline constexpr std::uint16_t kAutomaticPort = 0;
/// The port of an [[upstream]], or "auto".
Form<std::uint16_t> upstream_port_form();
/// What port = "auto" stands for at this provider: port, tls and ports. `tls`, if it is there, was
/// read.
void choose_ports(const Section& section, const Provider& provider, Upstream& upstream);
/// proxy and the login there, of an [[upstream]].
void read_outbound_proxy(const Section& section, const Outside& outside, Upstream& upstream);
/// username, password and what stands in its place of an [[upstream]]; `region` as it says.
void read_login(const Section& section, const Outside& outside, const Provider& provider,
                std::string_view region, Upstream& upstream);
/// oauth of an [[upstream]], if there is one.
void read_oauth(const Section& section, const Outside& outside, const Provider& provider,
                Upstream& upstream);
/// An [[auth.source]] that is asked when a client comes; needs the rules of [auth]. `names`: of the
/// sources before.
void read_asked_source(const Section& section, SourceKind kind, const Outside& outside,
                       Names& names, Config& config);
/// `labels` of a user or a route.
std::vector<Label> read_labels(const Section& section);
/// A secret under `key`: text, { file = "/path" } or { env = "NAME" }. `noun` is what it is, as in
/// "the password". The file is read, so that what is wrong with it is known. False: it is not
/// there.
bool read_secret(const Section& section, std::string_view key, std::string_view noun,
                 const Schema& schema, const Outside& outside, SecretSource& into);
/// [[route]]; needs the listeners and upstreams, which it refers to.
void read_routes(const Section& top, Config& config);

/// The path under `key`, of a file that can be read; `expected` says what it is.
void require_readable_file(const Section& section, std::string_view key, const Outside& outside,
                           std::string& into, std::string_view expected = "the path of a PEM file");

/// The users of a users file. `names`: those that it may not have, and then those that it has.
std::expected<std::vector<User>, std::vector<Problem>> read_users_text(std::string_view text,
                                                                       const std::string& path,
                                                                       const Limits& defaults,
                                                                       Names& names);

/// [[limit]].
void read_limit_rules(const Section& top, Config& config);
/// The limits in a table, on top of `defaults`.
Limits read_limits(const Section& section, const Limits& defaults);
/// The users of `[[auth.user]]` or of a users file's `[[user]]`.
std::vector<User> read_users(const std::vector<Section>& sections, const Limits& defaults,
                             Names& names);

}  // namespace sallyport::config

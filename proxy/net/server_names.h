// Which certificate a client is shown for the name it asks for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sallyport::net {

/// The certificates of one name, by kind of key: places in a list that somebody else keeps.
struct Choice {
  std::optional<std::size_t> ecdsa;
  std::optional<std::size_t> rsa;

  bool operator==(const Choice&) const = default;
};

/// A DNS name of a certificate (RFC 5280 section 4.2.1.6) in lower case and without the root's dot;
/// `*` may stand for its first label (RFC 6125 section 6.4.3). Nothing if a client could never ask
/// for such a name.
std::optional<std::string> certificate_name(std::string_view dns_name);

/// Names and wildcards with what is shown for them. A look-up costs two hashes, whatever there is.
class ServerNames {
 public:
  /// Whatever has the name already, for this kind of key, keeps it: false. `name` is one that
  /// `certificate_name` gave.
  bool add(std::string_view name, bool is_ecdsa, std::size_t certificate);
  /// For the server_name of a client (RFC 6066 section 3), in any case, with or without the root's
  /// dot: by the very name, else by a wildcard for its first label; null if neither is there.
  const Choice* find(std::string_view server_name) const;

  /// What was added under this very name.
  Choice choice(std::string_view name) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, Choice, Hash, std::equal_to<>> choices_;
};

}  // namespace sallyport::net

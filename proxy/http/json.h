// JSON (RFC 8259) as the servers that we ask speak it: read only, no type of the library leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"

namespace sallyport::http {

/// An object that was read. A value; copies share what they look at.
class Json {
 public:
  /// kInvalid: it is no JSON, no object, or nested deeper than 32 levels. The text of the error
  /// quotes nothing.
  static Result<Json> parse(std::string_view text);

  /// The text under `key`; nullopt: there is none. It views what this and its copies share.
  std::optional<std::string_view> text(std::string_view key) const;
  /// The integer under `key`, also where it is written as a text of digits, as some servers do.
  std::optional<std::int64_t> integer(std::string_view key) const;
  /// The objects of the array under `key`; empty: there is none.
  std::vector<Json> objects(std::string_view key) const;
  /// The object under `key`.
  std::optional<Json> object(std::string_view key) const;

 private:
  struct Impl;
  explicit Json(std::shared_ptr<const Impl> impl);

  std::shared_ptr<const Impl> impl_;
};

/// `text` as a JSON string, quotes included. Octets that are no UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);

}  // namespace sallyport::http

// JSON (RFC 8259) as the servers that we ask speak it: read only, no type of the library leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  /// The texts under `key`: those of an array, or the one that stands there alone; empty: there is
  /// none. `aud` of a token is written in both ways (RFC 7519 section 4.1.3).
  std::vector<std::string_view> texts(std::string_view key) const;
  /// The number under `key` in whole units, also where it is written with a fraction (RFC 7519
  /// section 2, NumericDate).
  std::optional<std::int64_t> seconds(std::string_view key) const;
  /// The members of this object that are texts, and their names.
  std::vector<std::pair<std::string_view, std::string_view>> text_members() const;
  /// Is there anything under `key`?
  bool has(std::string_view key) const;
  /// The truth value under `key`.
  std::optional<bool> boolean(std::string_view key) const;
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

// Which addresses a user may send from, and which senders a route serves.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::config {

/// One of `*` (any address and the null reverse-path), `*@domain`, `*@*.domain` (subdomains only),
/// `local@domain` and `<>` (the null reverse-path only). Addresses match in their normal form: a
/// local part with needless quotes is the one without them, a dot at the end of a domain is none,
/// and ASCII case does not matter: the stricter reading of a local part would only surprise.
class AddressPattern {
 public:
  /// Reads one pattern; the error says what was expected.
  static Result<AddressPattern> parse(std::string_view text);
  /// One that no address matches, and not the null reverse-path either.
  static AddressPattern none();

  /// Does the mailbox `local@domain` match? Both are empty for the null reverse-path.
  bool matches(std::string_view local, std::string_view domain) const;

  /// The pattern as it was written.
  const std::string& text() const { return text_; }
  /// The pattern in the one form that all ways to write it have in common.
  std::string normal() const;

  bool operator==(const AddressPattern&) const = default;

 private:
  enum class Kind { kAny, kNull, kDomain, kSubdomains, kMailbox, kNone };

  Kind kind_ = Kind::kAny;
  std::string local_;   // in its normal form, lower case
  std::string domain_;  // lower case, without "*." and a dot at its end
  std::string text_;
};

}  // namespace sallyport::config

// The service extensions that we can offer, by the keywords of EHLO: RFC 5321 section 2.2.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::smtp {

enum class Extension : std::uint8_t {
  kPipelining,           ///< RFC 2920.
  k8bitmime,             ///< RFC 6152.
  kEnhancedStatusCodes,  ///< RFC 2034.
  kStarttls,             ///< RFC 3207.
  kAuth,                 ///< RFC 4954.
  kSize,                 ///< RFC 1870.
  kChunking,             ///< RFC 3030.
  kBinarymime,           ///< RFC 3030.
  kSmtputf8,             ///< RFC 6531.
  kDsn,                  ///< RFC 3461.
  kRequireTls,           ///< RFC 8689.
  kMtPriority,           ///< RFC 6710.
  kLimits,               ///< RFC 9422.
};

/// The keyword of EHLO, in upper case.
std::string_view keyword(Extension extension);
/// The extension that has this keyword, whatever its case.
std::optional<Extension> extension_named(std::string_view keyword);

/// A set of extensions: those that a listener, or a moment of a session, offers.
class ExtensionSet {
 public:
  constexpr ExtensionSet() = default;
  constexpr ExtensionSet(std::initializer_list<Extension> extensions) {
    for (const Extension extension : extensions) insert(extension);
  }
  /// Every extension there is.
  static constexpr ExtensionSet all() {
    ExtensionSet set;
    for (auto i = 0; i <= static_cast<int>(Extension::kLimits); ++i) {
      set.insert(static_cast<Extension>(i));
    }
    return set;
  }

  constexpr void insert(Extension extension) { bits_ |= bit(extension); }
  constexpr void erase(Extension extension) {
    bits_ &= static_cast<std::uint16_t>(~bit(extension));
  }
  /// Takes `extension` out, and what cannot do without it: BINARYMIME goes with CHUNKING (RFC 3030
  /// section 3) and with 8BITMIME, whose BODY it adds to; SMTPUTF8 with 8BITMIME (RFC 6531 section
  /// 3.1).
  constexpr void erase_with_dependents(Extension extension) {
    erase(extension);
    const bool is_8bitmime = extension == Extension::k8bitmime;
    if (is_8bitmime || extension == Extension::kChunking) erase(Extension::kBinarymime);
    if (is_8bitmime) erase(Extension::kSmtputf8);
  }
  constexpr bool has(Extension extension) const { return (bits_ & bit(extension)) != 0; }
  constexpr bool has_any_of(ExtensionSet others) const { return (bits_ & others.bits_) != 0; }
  /// What is in both.
  constexpr ExtensionSet operator&(ExtensionSet others) const {
    ExtensionSet both;
    both.bits_ = bits_ & others.bits_;
    return both;
  }
  constexpr bool operator==(const ExtensionSet&) const = default;

 private:
  static constexpr std::uint16_t bit(Extension extension) {
    return static_cast<std::uint16_t>(1u << static_cast<unsigned>(extension));
  }

  std::uint16_t bits_ = 0;
};

/// Every extension but those with these keywords, and what cannot do without them.
ExtensionSet all_but(std::span<const std::string> keywords);

}  // namespace sallyport::smtp

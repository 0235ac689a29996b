// Errors are values: an Error says what class of thing went wrong and why, in words a person can
// act on. Nothing in base knows of SMTP, sockets or configuration.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport {

/// What class of thing went wrong; callers branch on this, people read the text.
enum class ErrorCode {
  kTimeout,    ///< A deadline passed.
  kCancelled,  ///< Our own side asked the operation to stop (drain, shutdown, interrupt).
  kClosed,     ///< The peer closed the connection in an orderly way.
  kNetwork,    ///< The network failed: refused, reset, unreachable, name not found.
  kTls,        ///< A TLS handshake or record failed, or the peer's certificate is not trusted.
  kProtocol,   ///< The peer broke the protocol that is spoken.
  kInvalid,    ///< The input does not have the form that was expected.
  kLimit,      ///< A limit of ours was reached: size, memory budget, queue.
  kNotFound,   ///< The thing asked for does not exist.
  kSystem,     ///< The operating system refused: files, descriptors, permissions.
};

/// The stable, lower-case name of a code, for logs and metric labels ("timeout", "tls", ...).
std::string_view name(ErrorCode code);

/// An error with its reason. Cheap to move; compares by code and text.
struct Error {
  ErrorCode code = ErrorCode::kSystem;
  std::string text;

  bool operator==(const Error&) const = default;
};

/// A value, or the reason why there is none.
template <class T>
using Result = std::expected<T, Error>;

/// Shorthand for the failing half of a Result: `return fail(ErrorCode::kTimeout, "no greeting")`.
inline std::unexpected<Error> fail(ErrorCode code, std::string text) {
  return std::unexpected(Error{code, std::move(text)});
}

/// Passes an error on unchanged from a Result of another type.
inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace sallyport

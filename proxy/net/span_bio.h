// The transport BoringSSL sees: it reads from a span and appends to a string, so that all waiting
// stays in coroutines and nothing is buffered while a connection idles.
#pragma once

#include <string>
#include <string_view>

#include "proxy/net/boringssl.h"
#include "proxy/runtime/loop.h"

namespace sallyport::net {

/// What an SSL reads from and writes to. Must outlive the SSL.
struct Wire {
  explicit Wire(runtime::Loop& owner) : loop(owner) {}

  runtime::Loop& loop;
  std::string_view in;  ///< Arrived and not taken by SSL yet: shrinks as it is read.
  std::string out;      ///< To be sent; its memory is the loop's (Loop::take_buffer).
};

/// A BIO over `wire`: a read that finds nothing asks to be retried, a write always succeeds.
bssl::UniquePtr<BIO> make_bio(Wire& wire);

}  // namespace sallyport::net

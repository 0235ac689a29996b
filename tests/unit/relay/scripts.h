// Scripts of upstreams that tests put together: a connection's opening, mail transactions, and one
// fault at one stage.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/relay/attempt.h"

namespace sallyport::relay::scripts {

/// What an upstream does in place of the reply that was hoped for.
enum class Fault : std::uint8_t { k4xx, k5xx, k421, kClose, kReset, kStall, kGarbage };
inline constexpr Fault kFaults[] = {Fault::k4xx,   Fault::k5xx,   Fault::k421,    Fault::kClose,
                                    Fault::kReset, Fault::kStall, Fault::kGarbage};
std::string_view name(Fault fault);

inline const std::string kQueued = "250 2.0.0 Ok: queued as 4XYZ";

/// The steps of an upstream that shows this behaviour.
struct Upstream {
  bool pipelining = true;
  bool size = true;
  bool eight_bit = true;
  /// It offers BINARYMIME, and the messages of its transactions are binary: they come by BDAT.
  bool binary = false;
  std::vector<std::string> offers = {};  ///< More lines of its EHLO.

  std::string ehlo() const;
  /// Greeting, EHLO and AUTH.
  std::string opening() const;
  /// The same up to `at`, where `fault` happens.
  std::string opening(Stage at, Fault fault) const;
  /// What we send after the replies to the commands.
  std::string content() const { return binary ? "P! bdat\n" : "P! content\n"; }
  /// One message from from@here.example to to@there.example, taken. `rset`: our RSET comes first.
  std::string transaction(bool rset = false) const;
  /// The same, with `fault` at `at`: kRset, kMail, kRcpt, kData or kEnd.
  std::string transaction(Stage at, Fault fault, bool rset = false) const;
};

/// The steps of `fault` in place of a reply. Its 4xx reply is "450 4.2.0 Later", its 5xx reply "550
/// 5.7.1 Never", and "421 4.3.2 Closing".
std::string steps(Fault fault);

}  // namespace sallyport::relay::scripts

// An upstream that is well but for one fault: one way to misbehave at one stage of the
// conversation. It is not scripted: it answers what it hears, and keeps the books of what it took.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/relay/dialer.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::relay {

/// Where in the conversation the fault is.
enum class At : std::uint8_t {
  kConnect,
  kHandshake,  ///< Of TLS, from the first octet or after STARTTLS.
  kGreeting,
  kEhlo,
  kStarttls,
  kSecondEhlo,  ///< The one in TLS, after STARTTLS.
  kAuth,
  kRset,
  kMail,
  kRcpt,
  kData,
  kContent,  ///< After the first octets of the content.
  kEnd,      ///< After its last octet.
};
std::string_view name(At at);

/// What the upstream does there in place of the reply that was hoped for.
enum class Way : std::uint8_t {
  kRefuse,      ///< It refuses the TCP connection.
  kUnresolved,  ///< Its name does not resolve.
  kWrongName,   ///< Its certificate is for another name.
  kAlert,       ///< It ends the handshake with an alert.
  k4xx,         ///< "450 4.2.0 Later"
  k5xx,         ///< "550 5.7.1 Never"
  k421,         ///< "421 4.3.2 Closing", and closes.
  kNonsense,    ///< "334 Go on": a reply, but not to this.
  kGarbage,     ///< What is no reply; then silence.
  kOverlong,    ///< A line without an end; then silence.
  kEndless,     ///< A reply of lines without end.
  kDrop,        ///< An orderly end.
  kReset,
  kStall,      ///< Silence.
  kHalf,       ///< The beginning of a reply, or of a ServerHello; then silence.
  kHalfDrop,   ///< The same, then an orderly end.
  kHalfReset,  ///< The same, then a reset.
  kTwice,      ///< The right reply, twice.
  // The ways to break PIPELINING: none of them shows where commands come one by one.
  kLost,       ///< No reply to a command that came along with others.
  kThrowAway,  ///< What came behind the command is thrown away.
  kMerged,     ///< What came in one flight is read as one command, and refused.
};
std::string_view name(Way way);

/// What became of one message at one host.
struct Books {
  int ends = 0;  ///< Times it came to its last octet.
  int accepted = 0;
  int refused = 0;
};

/// One host. Its dialers, one a worker, and their connections refer to it.
struct FaultyHost {
  FaultyHost(runtime::Loop& own_loop, runtime::TaskGroup& own_servers)
      : loop(own_loop), servers(own_servers) {}

  /// The fault happens at the next `times` occasions.
  void misbehave(At where, Way how, int times = 1'000'000) {
    at = where;
    way = how;
    left = times;
  }
  void behave() { left = 0; }
  /// Is the fault due at `where`? If so, that was one occasion.
  bool happens(At where) { return left > 0 && at == where && left-- > 0; }
  /// Every idle connection is ended from this side.
  void end_connections();

  runtime::Loop& loop;
  runtime::TaskGroup& servers;
  bool pipelining = true;
  bool chunking = false;  ///< It offers BINARYMIME and CHUNKING.
  bool starttls = false;
  std::size_t capacity = static_cast<std::size_t>(-1);  ///< Octets under way to it.
  std::string content;  ///< Each message has it, behind the line with its id.

  At at = At::kConnect;
  Way way = Way::kStall;
  int left = 0;
  int dials = 0;
  int open = 0;
  int chunks = 0;  ///< BDAT commands.
  int credentials_in_clear = 0;
  int broken_contents = 0;  ///< Ended, and not as they were sent.
  std::map<std::string, Books> books;
  std::map<int, runtime::ByteStream*> streams;  ///< Its ends of the connections that are open.
};

/// Dials `host`, which outlives it. TLS is only said to be there, but for the faults of its
/// handshake: those are met by the real one.
std::unique_ptr<Dialer> dial_faulty(FaultyHost& host);

}  // namespace sallyport::relay

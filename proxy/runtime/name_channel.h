// A c-ares channel on a loop: what every kind of look-up asks name servers by. For this room alone.
#pragma once

#include <ares.h>

#include <map>

#include "proxy/runtime/loop.h"
#include "proxy/runtime/resolver.h"
#include "proxy/runtime/timer.h"

namespace sallyport::runtime {

/// Watches c-ares's sockets on the loop and calls it when they are ready or a server was silent for
/// too long. c-ares answers by callbacks, from within calls of its own: the channel may only be
/// closed from outside of them.
class NameChannel {
 public:
  /// Which sources are asked, as c-ares names them, and whether search domains are left out.
  struct Options {
    const char* lookups = "b";  ///< "f": the hosts file; "b": name servers.
    bool absolute = false;
    bool large = false;  ///< Answers may be larger than 512 octets (EDNS, RFC 6891).
  };

  /// `loop` outlives it.
  NameChannel(Loop& loop, ResolverSettings settings);
  ~NameChannel() { close(); }
  NameChannel(const NameChannel&) = delete;
  NameChannel& operator=(const NameChannel&) = delete;

  /// ARES_SUCCESS, or why it could not be opened.
  int open(Options options);
  /// For queries; `begin` follows them.
  ares_channel get() { return channel_; }
  /// Queries were made: from now on the loop works on them.
  void begin() { rearm(); }
  /// Everything that was asked for is there: no query is repeated any more.
  void rest();
  /// Queries that are pending are answered, with an error, before it returns.
  void close();

 private:
  struct Watch;

  void rearm();
  void work_on(ares_socket_t readable, ares_socket_t writable);
  static void on_socket_state(void* context, ares_socket_t descriptor, int readable, int writable);
  void watch(ares_socket_t descriptor, int interest);
  void unwatch(ares_socket_t descriptor);

  Loop& loop_;
  const ResolverSettings settings_;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, Watch*> watches_;  // libuv's: each frees itself after closing
  Timer retry_;                              // when c-ares wants to ask again, or to give up
  bool resting_ = false;
};

}  // namespace sallyport::runtime

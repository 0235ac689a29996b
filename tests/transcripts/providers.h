// The providers of a transcript: what the relay dials, and who is at the other end.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/relay/dialer.h"
#include "proxy/runtime/task_group.h"
#include "tests/support/memory_stream.h"

namespace sallyport::transcripts {

/// Stands in for all upstreams. Unless a script plays the provider, each connection is answered by
/// one that takes everything and keeps it.
class Providers {
 public:
  Providers(runtime::Loop& loop, bool scripted);

  /// For the relay; this outlives what it makes.
  relay::MakeDialer dialers();

  /// The end of the oldest connection that was dialled and not taken yet, if it is to `upstream`;
  /// null otherwise.
  std::unique_ptr<support::MemoryStream> take(const std::string& upstream);
  /// Nobody took the connections that were dialled.
  bool was_dialled() const { return !dialled_.empty(); }

  /// From now on dialling `upstream` fails, or its certificate does.
  void make_unreachable(const std::string& upstream) { unreachable_.insert(upstream); }
  void make_untrusted(const std::string& upstream) { untrusted_.insert(upstream); }

  /// What the keeping provider got: of each message MAIL, RCPTs and the content, by lines.
  const std::vector<std::vector<std::string>>& messages() const { return messages_; }
  /// Waits until the keeping providers' connections have ended.
  runtime::Task<void> join();

 private:
  class ScriptDialer;
  struct Dialled {
    std::string upstream;
    std::unique_ptr<support::MemoryStream> stream;
  };

  runtime::Task<void> keep(std::unique_ptr<support::MemoryStream> stream);

  runtime::Loop& loop_;
  const bool scripted_;
  std::deque<Dialled> dialled_;
  std::set<std::string> unreachable_;
  std::set<std::string> untrusted_;
  std::vector<std::vector<std::string>> messages_;
  runtime::TaskGroup tasks_;
};

}  // namespace sallyport::transcripts

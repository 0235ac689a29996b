// A name server on loopback for tests: says what a table says, or nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::support {

/// Answers queries over UDP from a thread of its own until it dies.
class FakeNameServer {
 public:
  /// What it says of one name. Names that are not in the table do not exist.
  struct Records {
    std::vector<std::string> v4 = {};
    std::vector<std::string> v6 = {};
    std::vector<std::string> texts = {};  ///< TXT records, of any length that fits in a datagram.
    std::uint32_t ttl = 300;
    bool silent_on_v4 = false;  ///< Queries of that family get no answer; TXT neither if both are.
    bool silent_on_v6 = false;
    bool fails = false;  ///< SERVFAIL.
  };

  FakeNameServer();
  ~FakeNameServer();
  FakeNameServer(const FakeNameServer&) = delete;
  FakeNameServer& operator=(const FakeNameServer&) = delete;

  /// `ADDRESS:PORT`.
  std::string address() const;
  void set(const std::string& name, Records records);
  /// Queries that have come, answered or not.
  int queries() const { return queries_; }

 private:
  void serve();
  std::string answer(const std::string& query);

  int descriptor_ = -1;
  std::atomic<int> queries_{0};
  std::mutex mutex_;
  std::map<std::string, Records> table_;
  std::thread thread_;
};

}  // namespace sallyport::support

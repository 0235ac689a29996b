#include "tests/support/fake_name_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace sallyport::support {
namespace {

constexpr std::size_t kHeader = 12;
constexpr int kTypeA = 1;
constexpr int kTypeTxt = 16;
constexpr int kTypeAaaa = 28;
constexpr std::size_t kMostString = 255;  // of a TXT record; longer texts are several strings

sockaddr_in local(int descriptor) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

void append16(std::string& text, unsigned value) {
  text += static_cast<char>(value >> 8);
  text += static_cast<char>(value & 255);
}

/// The data of a record.
std::string octets_of(int type, const std::string& value) {
  std::string octets;
  if (type == kTypeTxt) {
    for (std::size_t at = 0; at == 0 || at < value.size(); at += kMostString) {
      const std::string part = value.substr(at, kMostString);
      octets += static_cast<char>(part.size());
      octets += part;
    }
    return octets;
  }
  octets.resize(type == kTypeA ? sizeof(in_addr) : sizeof(in6_addr));
  inet_pton(type == kTypeA ? AF_INET : AF_INET6, value.c_str(), octets.data());
  return octets;
}

}  // namespace

FakeNameServer::FakeNameServer() : descriptor_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  thread_ = std::thread([this] { serve(); });
}

FakeNameServer::~FakeNameServer() {
  const sockaddr_in self = local(descriptor_);
  // An empty datagram is the sign to stop.
  (void)::sendto(descriptor_, "", 0, 0, reinterpret_cast<const sockaddr*>(&self), sizeof self);
  thread_.join();
  ::close(descriptor_);
}

std::string FakeNameServer::address() const {
  return "127.0.0.1:" + std::to_string(ntohs(local(descriptor_).sin_port));
}

void FakeNameServer::set(const std::string& name, Records records) {
  const std::lock_guard lock(mutex_);
  table_[name] = std::move(records);
}

void FakeNameServer::serve() {
  std::array<char, 1500> buffer;
  while (true) {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t count = ::recvfrom(descriptor_, buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &size);
    if (count <= 0) return;
    const std::string said = answer(std::string(buffer.data(), static_cast<std::size_t>(count)));
    if (said.empty()) continue;
    (void)::sendto(descriptor_, said.data(), said.size(), 0,
                   reinterpret_cast<const sockaddr*>(&from), size);
  }
}

/// RFC 1035 section 4.1. Empty: say nothing.
std::string FakeNameServer::answer(const std::string& query) {
  if (query.size() < kHeader + 5) return {};
  ++queries_;
  std::string name;
  std::size_t at = kHeader;
  while (at < query.size() && query[at] != 0) {
    const auto length = static_cast<std::size_t>(query[at]);
    if (!name.empty()) name += '.';
    name += query.substr(at + 1, length);
    at += 1 + length;
  }
  const std::size_t question_ends = at + 5;
  if (question_ends > query.size()) return {};
  const int type = static_cast<unsigned char>(query[at + 2]);

  const std::lock_guard lock(mutex_);
  const auto found = table_.find(name);
  Records records;
  if (found != table_.end()) records = found->second;
  if ((type == kTypeA && records.silent_on_v4) || (type == kTypeAaaa && records.silent_on_v6) ||
      (type == kTypeTxt && records.silent_on_v4 && records.silent_on_v6)) {
    return {};
  }
  const auto& values = type == kTypeTxt ? records.texts : type == kTypeA ? records.v4 : records.v6;
  const bool is_known_type = type == kTypeA || type == kTypeAaaa || type == kTypeTxt;
  const std::size_t count = is_known_type && !records.fails ? values.size() : 0;
  const unsigned code = records.fails ? 2 : found == table_.end() ? 3 : 0;
  std::string said = query.substr(0, 2);
  append16(said, 0x8180 | code);
  append16(said, 1);
  append16(said, static_cast<unsigned>(count));
  append16(said, 0);
  append16(said, 0);
  said += query.substr(kHeader, question_ends - kHeader);
  for (std::size_t i = 0; i < count; ++i) {
    append16(said, 0xc000 | kHeader);  // the name of the question
    append16(said, static_cast<unsigned>(type));
    append16(said, 1);
    append16(said, records.ttl >> 16);
    append16(said, records.ttl & 0xffff);
    const std::string octets = octets_of(type, values[i]);
    append16(said, static_cast<unsigned>(octets.size()));
    said += octets;
  }
  return said;
}

}  // namespace sallyport::support

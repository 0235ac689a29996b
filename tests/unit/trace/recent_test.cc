#include "proxy/trace/recent.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::trace {
namespace {

Record record(const std::string& id) {
  Record record;
  record.id = id;
  record.message_id = "<" + id + "@example.com>";
  record.user = "billing";
  record.upstream_id = "provider-" + id;
  record.to = {"a@example.net", "B@example.net"};
  return record;
}

std::vector<std::string> ids(const Recent& recent, const Query& query = {.last = 1000}) {
  std::vector<std::string> ids;
  for (const auto& each : recent.find(query)) ids.push_back(each->id);
  return ids;
}

std::vector<std::string> numbers(int first, int last) {
  std::vector<std::string> numbers;
  for (int i = first; i <= last; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

TEST(Recent, KeepsNothingWhenItIsOff) {
  Recent recent;
  EXPECT_FALSE(recent.is_on());
  recent.add(record("1"));
  EXPECT_TRUE(ids(recent).empty());
}

TEST(Recent, KeepsTheNewest) {
  for (const int capacity : {1, 7, 16, 100}) {
    Recent recent;
    recent.set_capacity(static_cast<std::size_t>(capacity));
    for (int i = 1; i <= 250; ++i) recent.add(record(std::to_string(i)));
    EXPECT_EQ(ids(recent), numbers(251 - capacity, 250)) << capacity;
  }
}

TEST(Recent, FollowsItsCapacity) {
  Recent recent;
  recent.set_capacity(100);
  for (int i = 1; i <= 50; ++i) recent.add(record(std::to_string(i)));
  recent.set_capacity(10);
  EXPECT_EQ(ids(recent), numbers(41, 50));
  recent.set_capacity(0);
  EXPECT_TRUE(ids(recent).empty());
  recent.set_capacity(10);
  EXPECT_TRUE(ids(recent).empty());
}

TEST(Recent, IsBoundedByItsMemory) {
  Recent recent;
  recent.set_capacity(1'000'000);
  Record large = record("large");
  large.reply.assign(1 << 20, 'x');
  for (int i = 0; i < 200; ++i) recent.add(large);
  std::size_t octets = 0;
  for (const auto& each : recent.find({.last = 1000})) octets += each->octets();
  EXPECT_LE(octets, Recent::kMostOctets);
  EXPECT_GT(octets, Recent::kMostOctets / 2);
}

TEST(Recent, FindsByEachHandle) {
  Recent recent;
  recent.set_capacity(10);
  for (const char* id : {"A", "B", "C"}) recent.add(record(id));
  Record other = record("D");
  other.user = "other";
  other.to = {"c@example.net"};
  recent.add(other);
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids(recent, {.id = "b"}), Ids{"B"});
  EXPECT_EQ(ids(recent, {.id = "provider-C"}), Ids{"C"});
  EXPECT_EQ(ids(recent, {.message_id = "<A@example.com>"}), Ids{"A"});
  EXPECT_EQ(ids(recent, {.message_id = "a@EXAMPLE.com"}), Ids{"A"});
  EXPECT_EQ(ids(recent, {.user = "Billing"}), (Ids{"A", "B", "C"}));
  EXPECT_EQ(ids(recent, {.to = "b@EXAMPLE.net"}), (Ids{"A", "B", "C"}));
  EXPECT_EQ(ids(recent, {.user = "other", .to = "b@example.net"}), Ids{});
  EXPECT_EQ(ids(recent, {.user = "billing", .last = 2}), (Ids{"B", "C"}));
  EXPECT_EQ(ids(recent, {.id = "nothing"}), Ids{});
}

TEST(Recent, WorkersAddWhileSomebodyLooks) {
  Recent recent;
  recent.set_capacity(64);
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) EXPECT_LE(recent.find({.last = 1000}).size(), 64u);
  });
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&recent, worker] {
      for (int i = 0; i < 2000; ++i) recent.add(record(std::to_string(worker * 10000 + i)));
    });
  }
  for (std::thread& each : workers) each.join();
  done = true;
  reader.join();
  EXPECT_EQ(ids(recent).size(), 64u);
}

}  // namespace
}  // namespace sallyport::trace

#include "proxy/runtime/cpus.h"

#include <gtest/gtest.h>

#include <map>

namespace sallyport::runtime {
namespace {

struct Case {
  const char* what;
  std::map<std::string, std::string> files;
  unsigned affinity;
  unsigned expected;
};

TEST(Cpus, TakesTheLeastOfAffinityAndEveryQuota) {
  const Case cases[] = {
      {"no cgroup", {}, 8, 8},
      {"unknown affinity", {}, 0, 1},
      {"no quota",
       {{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "max 100000\n"}},
       4,
       4},
      {"v2 quota in a container",
       {{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}},
       8,
       2},
      {"half a CPU counts as one",
       {{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "50000 100000"}},
       8,
       1},
      {"one and a half count as two",
       {{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "150000 100000"}},
       8,
       2},
      {"a parent is stricter",
       {{"/proc/self/cgroup", "0::/a/b\n"},
        {"/sys/fs/cgroup/a/b/cpu.max", "400000 100000"},
        {"/sys/fs/cgroup/a/cpu.max", "300000 100000"}},
       8,
       3},
      {"v1",
       {{"/proc/self/cgroup", "4:cpu,cpuacct:/docker/x\n"},
        {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n"},
        {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n"}},
       8,
       2},
      {"v1 without quota",
       {{"/proc/self/cgroup", "4:cpu:/\n"},
        {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
        {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
       6,
       6},
  };
  for (const Case& c : cases) {
    const auto read = [&](const std::string& path) -> std::optional<std::string> {
      const auto file = c.files.find(path);
      return file == c.files.end() ? std::nullopt : std::optional(file->second);
    };
    EXPECT_EQ(available_cpus(read, c.affinity), c.expected) << c.what;
  }
}

TEST(Cpus, ThisMachineHasAtLeastOne) { EXPECT_GE(available_cpus(), 1u); }

}  // namespace
}  // namespace sallyport::runtime

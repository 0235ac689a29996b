#include "proxy/runtime/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace sallyport::runtime {
namespace {

/// The folders of this process's cgroup for `controller` ("" is v2), innermost first, ending at
/// "/".
std::vector<std::string> cgroup_folders(const std::string& proc_self_cgroup,
                                        const std::string& controller) {
  std::istringstream lines(proc_self_cgroup);
  std::string path;
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
    const bool found = controller.empty()
                           ? controllers == ",,"
                           : controllers.find(',' + controller + ',') != std::string::npos;
    if (found) path = line.substr(second + 1);
  }
  std::vector<std::string> folders;
  while (!path.empty() && path != "/") {
    folders.push_back(path);
    path.resize(path.find_last_of('/'));
  }
  folders.emplace_back();
  return folders;
}

unsigned rounded_up(double quota, double period) {
  return quota <= 0 || period <= 0 ? 0 : static_cast<unsigned>((quota + period - 1) / period);
}

}  // namespace

unsigned available_cpus(
    const std::function<std::optional<std::string>(const std::string& path)>& read_file,
    unsigned affinity) {
  const std::string cgroup = read_file("/proc/self/cgroup").value_or("");
  unsigned cpus = std::max(affinity, 1u);
  const auto limit_to = [&cpus](unsigned allowed) {
    if (allowed > 0) cpus = std::min(cpus, allowed);
  };
  for (const std::string& folder : cgroup_folders(cgroup, "")) {
    const auto text =
        read_file("/sys/fs/cgroup" + folder + "/cpu.max");  // "QUOTA PERIOD" or "max ..."
    if (!text || text->starts_with("max")) continue;
    double quota = 0;
    double period = 0;
    std::istringstream(*text) >> quota >> period;
    limit_to(rounded_up(quota, period));
  }
  for (const std::string& folder : cgroup_folders(cgroup, "cpu")) {
    const auto quota = read_file("/sys/fs/cgroup/cpu" + folder + "/cpu.cfs_quota_us");
    const auto period = read_file("/sys/fs/cgroup/cpu" + folder + "/cpu.cfs_period_us");
    if (quota && period)
      limit_to(rounded_up(std::atof(quota->c_str()), std::atof(period->c_str())));
  }
  return cpus;
}

unsigned available_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  const auto read_file = [](const std::string& path) -> std::optional<std::string> {
    std::ifstream file(path);
    if (!file) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  return available_cpus(read_file, known ? static_cast<unsigned>(CPU_COUNT(&allowed)) : 1);
}

}  // namespace sallyport::runtime

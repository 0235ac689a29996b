// How many CPUs this process may use.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace sallyport::runtime {

/// The CPUs that affinity and the cgroup's quota (v2, then v1) allow, rounded up, at least 1.
/// `read_file` gives a file's text, or nothing.
unsigned available_cpus(
    const std::function<std::optional<std::string>(const std::string& path)>& read_file,
    unsigned affinity);

/// The same for this process and the real files.
unsigned available_cpus();

}  // namespace sallyport::runtime

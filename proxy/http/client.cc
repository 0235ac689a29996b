#include "proxy/http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/http/url.h"
#include "proxy/runtime/handoff.h"

namespace sallyport::http {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// All header fields of an answer together.
constexpr std::size_t kMostHeader = 64 * 1024;
// A request without a deadline has this one.
constexpr Duration kLongest = std::chrono::hours(1);

struct HandleEnd {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

/// The header lines of a request, wiped at the end: one of them may be secret.
class Lines {
 public:
  Lines() = default;
  ~Lines() {
    for (curl_slist* line = list_; line != nullptr; line = line->next) {
      wipe_memory(line->data, std::char_traits<char>::length(line->data));
    }
    curl_slist_free_all(list_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void add(const char* line) {
    if (curl_slist* const longer = curl_slist_append(list_, line)) list_ = longer;
  }
  curl_slist* list() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

/// What libcurl's callbacks write to.
struct Receiving {
  Response response;
  std::size_t most;
  std::size_t header_octets = 0;
  bool too_long = false;
  const std::atomic<bool>& stopping;
};

std::size_t on_body(char* octets, std::size_t /*one*/, std::size_t count, void* to) {
  auto& receiving = *static_cast<Receiving*>(to);
  if (receiving.response.body.size() + count > receiving.most) {
    receiving.too_long = true;
    return 0;
  }
  receiving.response.body.append(octets, count);
  return count;
}

std::size_t on_header(char* octets, std::size_t /*one*/, std::size_t count, void* to) {
  auto& receiving = *static_cast<Receiving*>(to);
  receiving.header_octets += count;
  if (receiving.header_octets > kMostHeader) {
    receiving.too_long = true;
    return 0;
  }
  const std::string_view line(octets, count);
  // An interim answer (1xx), or that of a proxy, comes before the one that counts.
  if (line.starts_with("HTTP/")) receiving.response.headers.clear();
  const std::size_t colon = line.find(':');
  if (colon != line.npos) {
    receiving.response.headers.push_back(
        {std::string(line.substr(0, colon)),
         std::string(ascii::trim(line.substr(colon + 1, line.find_last_not_of("\r\n") - colon)))});
  }
  return count;
}

int on_progress(void* of, curl_off_t /*down*/, curl_off_t /*down_now*/, curl_off_t /*up*/,
                curl_off_t /*up_now*/) {
  return static_cast<Receiving*>(of)->stopping ? 1 : 0;
}

Error error_of(CURLcode code, const Receiving& receiving, const char* detail) {
  if (receiving.too_long) return {ErrorCode::kLimit, "the answer is too long"};
  const std::string text = detail != nullptr && *detail != '\0' ? detail : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return {ErrorCode::kTimeout, text};
    case CURLE_ABORTED_BY_CALLBACK:
      return {ErrorCode::kCancelled, "sallyport is stopping"};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return {ErrorCode::kTls, text};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return {ErrorCode::kInvalid, text};
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_BAD_CONTENT_ENCODING:
      return {ErrorCode::kProtocol, text};
    case CURLE_OUT_OF_MEMORY:
      return {ErrorCode::kLimit, text};
    default:
      return {ErrorCode::kNetwork, text};
  }
}

/// The roots of the system, by the same rule as for upstreams: SSL_CERT_FILE, else libcurl's own.
const char* system_bundle() {
  const char* const file = std::getenv("SSL_CERT_FILE");  // NOLINT(concurrency-mt-unsafe)
  return file != nullptr && *file != '\0' ? file : nullptr;
}

void set_trust(CURL* handle, const Request& request) {
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!request.ca.empty()) {
    curl_blob pem{.data = const_cast<char*>(request.ca.data()),  // NOLINT: libcurl copies it
                  .len = request.ca.size(),
                  .flags = CURL_BLOB_COPY};
    curl_easy_setopt(handle, CURLOPT_CAINFO_BLOB, &pem);
    curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
  } else if (const char* const bundle = system_bundle()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, bundle);
    curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
  }
}

void set_limits(CURL* handle, Duration at_most, Receiving& receiving) {
  const auto left = std::chrono::ceil<milliseconds>(at_most).count();
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(left, 1)));
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  // A look-up that hangs has a thread of libcurl's; it is not waited for.
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &receiving);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &receiving);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &receiving);
}

void set_request(CURL* handle, const Request& request, Lines& lines) {
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https,http");  // is_safe says which
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_PROXY, request.proxy.c_str());  // empty: none, not even by env
  curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "sallyport");
  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (request.method != "GET") {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.reveal().data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE,
                     static_cast<long>(request.body.reveal().size()));
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  lines.add("Expect:");  // no round trip for a body of some hundred octets
  for (const Header& header : request.headers) {
    lines.add((header.name + ": " + header.value).c_str());
  }
  for (const Secret& line : request.secret_headers) {
    lines.add(std::string(line.reveal()).c_str());
  }
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, lines.list());
}

bool is_clean(const Request& request) {
  const auto has_line_end = [](std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
  };
  return std::ranges::none_of(request.headers,
                              [&](const Header& header) {
                                return has_line_end(header.name) || has_line_end(header.value);
                              }) &&
         std::ranges::none_of(request.secret_headers,
                              [&](const Secret& line) { return has_line_end(line.reveal()); });
}

}  // namespace

std::string_view Response::header(std::string_view name) const {
  for (const Header& header : headers) {
    if (ascii::equals_ignoring_case(header.name, name)) return header.value;
  }
  return {};
}

Client::Client(std::size_t threads) : threads_(threads) { curl_global_init(CURL_GLOBAL_DEFAULT); }

Client::~Client() { cut_off(); }

Result<Response> Client::send_here(const Request& request, Duration at_most) const {
  if (!is_safe(request.url)) {
    return fail(ErrorCode::kInvalid, "the URL must be https, without a user name");
  }
  if (!is_clean(request)) return fail(ErrorCode::kInvalid, "a header holds more than one line");
  if (stopping_) return fail(ErrorCode::kCancelled, "sallyport is stopping");
  const std::unique_ptr<CURL, HandleEnd> handle(curl_easy_init());
  if (!handle) return fail(ErrorCode::kLimit, "there is no memory for a request");
  Receiving receiving{.response = {}, .most = request.most, .stopping = stopping_};
  char detail[CURL_ERROR_SIZE] = "";
  Lines lines;
  curl_easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, detail);
  set_request(handle.get(), request, lines);
  set_trust(handle.get(), request);
  set_limits(handle.get(), at_most, receiving);
  const CURLcode code = curl_easy_perform(handle.get());
  if (code != CURLE_OK) {
    wipe(receiving.response.body);
    return fail(error_of(code, receiving, detail));
  }
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  receiving.response.status = static_cast<int>(status);
  return std::move(receiving.response);
}

runtime::Task<Result<Response>> Client::send(runtime::Loop& loop, Request request,
                                             TimePoint deadline) {
  const Duration at_most = std::min<Duration>(deadline - loop.now(), kLongest);
  const auto ends = Clock::now() + at_most;
  const auto handoff = std::make_shared<runtime::Handoff<Result<Response>>>(loop);
  const auto asked = std::make_shared<const Request>(std::move(request));
  threads_.run([this, asked, handoff, ends] {
    const auto left = ends - Clock::now();
    handoff->give(left > Duration::zero()
                      ? send_here(*asked, left)
                      : fail(ErrorCode::kTimeout, "too many requests are under way"));
  });
  auto answer = co_await handoff->wait(deadline);
  if (!answer) co_return fail(ErrorCode::kTimeout, "the server did not answer in time");
  co_return std::move(*answer);
}

}  // namespace sallyport::http

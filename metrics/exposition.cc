// The names. Each family is named once, here; tests hold them against docs/metrics.md.
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <ostream>
#include <streambuf>
#include <string>
#include <utility>

#include "metrics/registry.h"

namespace sallyport::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

template <class Metrics>
using Rows = std::vector<typename Handles<Metrics>::Row>;

ClientMetric::Label label(std::string_view name, std::string_view value) {
  return {std::string(name), std::string(value)};
}

void set(ClientMetric& series, const Counter& counter) {
  series.counter.value = static_cast<double>(counter.value());
}

void set(ClientMetric& series, const Gauge& gauge) {
  series.gauge.value = static_cast<double>(gauge.value());
}

void set(ClientMetric& series, const Histogram& histogram) {
  // The count is the sum of the buckets as they were read, so that they agree while others count.
  auto& out = series.histogram;
  constexpr auto bounds = Histogram::kBounds;
  out.bucket.reserve(bounds.size() + 1);
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    out.sample_count += histogram.in_bucket(i);
    const double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    out.bucket.push_back({out.sample_count, bound});
  }
  out.sample_sum = histogram.seconds();
}

template <class Cell>
constexpr MetricType type_of() {
  if constexpr (std::is_same_v<Cell, Counter>) return MetricType::Counter;
  if constexpr (std::is_same_v<Cell, Gauge>) return MetricType::Gauge;
  if constexpr (std::is_same_v<Cell, Histogram>) return MetricType::Histogram;
}

/// A stream that appends to a string: std::ostringstream would copy the page to hand it out.
class Appender final : public std::streambuf {
 public:
  explicit Appender(std::string& text) : text_(text) {}

 protected:
  std::streamsize xsputn(const char* octets, std::streamsize count) override {
    text_.append(octets, static_cast<std::size_t>(count));
    return count;
  }
  int_type overflow(int_type octet) override {
    if (octet != traits_type::eof()) text_.push_back(static_cast<char>(octet));
    return octet;
  }

 private:
  std::string& text_;
};

/// The page under construction: one function for each shape a family has. A family is written
/// before the next is filled, in the same memory: with a thousand users that is twice as fast as
/// collecting them all.
class Page {
 public:
  explicit Page(std::size_t expected) : family_(1) { text_.reserve(expected); }

  /// Begins a family, and gives its series to be filled.
  std::vector<ClientMetric>& family(const char* name, const char* help, MetricType type) {
    write();
    family_[0].name = name;
    family_[0].help = help;
    family_[0].type = type;
    return family_[0].metric;
  }

  /// One series without labels.
  void single(const char* name, const char* help, MetricType type, double value) {
    auto& series = family(name, help, type).emplace_back();
    (type == MetricType::Counter ? series.counter.value : series.gauge.value) = value;
  }

  /// A series for each value of an enum.
  template <class Enum, const auto& Names, class Cell>
  void single(const char* name, const char* help, std::string_view key,
              const ByLabel<Enum, Names, Cell>& cells) {
    auto& all = family(name, help, type_of<Cell>());
    for (std::size_t i = 0; i < Names.size(); ++i) {
      auto& series = all.emplace_back();
      series.label = {label(key, Names[i])};
      set(series, cells.at(i));
    }
  }

  /// One series a row.
  template <class Metrics, class Cell>
  void each(const char* name, const char* help, std::string_view row_key, const Rows<Metrics>& rows,
            Cell Metrics::* member) {
    auto& all = family(name, help, type_of<Cell>());
    all.reserve(rows.size());
    for (const auto& [row, metrics] : rows) {
      auto& series = all.emplace_back();
      series.label = {label(row_key, row)};
      set(series, metrics->*member);
    }
  }

  /// A series for each row and each value of an enum.
  template <class Metrics, class Enum, const auto& Names, class Cell>
  void each(const char* name, const char* help, std::string_view row_key, const Rows<Metrics>& rows,
            std::string_view key, ByLabel<Enum, Names, Cell> Metrics::* member) {
    auto& all = family(name, help, type_of<Cell>());
    all.reserve(rows.size() * Names.size());
    for (const auto& [row, metrics] : rows) {
      for (std::size_t i = 0; i < Names.size(); ++i) {
        auto& series = all.emplace_back();
        series.label.reserve(2);
        series.label.push_back(label(row_key, row));
        series.label.push_back(label(key, Names[i]));
        set(series, (metrics->*member).at(i));
      }
    }
  }

  std::string text() && {
    write();
    return std::move(text_);
  }

 private:
  // A family without series would be a help text about nothing.
  void write() {
    if (family_[0].metric.empty()) return;
    Appender appender(text_);
    std::ostream out(&appender);
    prometheus::TextSerializer().Serialize(out, family_);
    family_[0].metric.clear();
  }

  std::string text_;
  std::vector<prometheus::MetricFamily> family_;  // always one: what the serializer takes
};

void add_listeners(Page& page, const Rows<ListenerMetrics>& rows) {
  using M = ListenerMetrics;
  page.each("sallyport_connections_total", "Connections accepted from clients.", "listener", rows,
            &M::connections);
  page.each("sallyport_connections_refused_total",
            "Connections turned away at once, by why they were.", "listener", rows, "reason",
            &M::connections_refused);
  page.each("sallyport_sessions_broken_off_total",
            "Sessions that we broke off for what their client did.", "listener", rows, "reason",
            &M::offences);
  page.each("sallyport_open_sessions", "Sessions open now.", "listener", rows, &M::open_sessions);
  page.each("sallyport_tls_handshake_failures_total", "TLS handshakes with clients that failed.",
            "listener", rows, &M::handshakes_failed);
  auto& family = page.family("sallyport_tls_handshakes_total",
                             "TLS handshakes with clients that succeeded.", MetricType::Counter);
  for (const auto& [row, metrics] : rows) {
    for (const bool resumed : {false, true}) {
      const auto& cells = resumed ? metrics->resumed_handshakes : metrics->full_handshakes;
      for (std::size_t i = 0; i < cells.size(); ++i) {
        auto& series = family.emplace_back();
        series.label = {label("listener", row), label("version", cells.name(i)),
                        label("resumed", resumed ? "true" : "false")};
        set(series, cells.at(i));
      }
    }
  }
}

/// Only what was counted: most pairs of a verb and a code never occur.
void add_refused_commands(Page& page, const Rows<ListenerMetrics>& rows) {
  auto& family = page.family("sallyport_refused_commands_total",
                             "Commands of clients that were refused.", MetricType::Counter);
  constexpr auto codes = RefusedCommands::kCodes;
  for (const auto& [row, metrics] : rows) {
    for (std::size_t verb = 0; verb < kVerbNames.size(); ++verb) {
      for (std::size_t column = 0; column <= codes.size(); ++column) {
        const std::uint64_t count = metrics->refused_commands.value(verb, column);
        if (count == 0) continue;
        auto& series = family.emplace_back();
        const std::string code = column < codes.size() ? std::to_string(codes[column]) : "other";
        series.label = {label("listener", row), label("verb", kVerbNames[verb]),
                        label("code", code)};
        series.counter.value = static_cast<double>(count);
      }
    }
  }
}

void add_users(Page& page, const Rows<UserMetrics>& rows) {
  using M = UserMetrics;
  page.each("sallyport_messages_total", "Messages submitted, by what their client heard.", "user",
            rows, "result", &M::messages);
  page.each("sallyport_message_bytes_total", "Content of the messages submitted.", "user", rows,
            "result", &M::bytes);
  page.each("sallyport_recipients_total", "Recipients of the messages submitted.", "user", rows,
            "result", &M::recipients);
  page.each("sallyport_limit_refusals_total", "Commands refused because a limit was reached.",
            "user", rows, "limit", &M::limit_refusals);
  page.each("sallyport_recipients_refused_total", "Recipients refused, by reason.", "user", rows,
            "reason", &M::recipients_refused);
}

void add_upstreams(Page& page, const Rows<UpstreamMetrics>& rows) {
  using M = UpstreamMetrics;
  page.each("sallyport_upstream_messages_total", "Attempts to hand a message to an upstream.",
            "upstream", rows, "result", &M::messages);
  page.each("sallyport_upstream_message_bytes_total", "Content of the messages of these attempts.",
            "upstream", rows, "result", &M::bytes);
  page.each("sallyport_upstream_recipients_total", "Recipients of the messages of these attempts.",
            "upstream", rows, "result", &M::recipients);
  page.each("sallyport_upstream_connections_opened_total",
            "Connections that became ready to carry mail.", "upstream", rows,
            &M::connections_opened);
  page.each("sallyport_upstream_connections_reused_total",
            "Deliveries that found a warm connection.", "upstream", rows, &M::connections_reused);
  page.each("sallyport_upstream_connections_closed_total", "Connections closed, by reason.",
            "upstream", rows, "reason", &M::connections_closed);
  page.each("sallyport_upstream_connect_failures_total",
            "Connections that never became ready to carry mail, by reason.", "upstream", rows,
            "reason", &M::connect_failures);
  page.each("sallyport_upstream_lookup_failures_total",
            "Look-ups of the upstream's host name that failed.", "upstream", rows,
            &M::look_up_failures);
  page.each("sallyport_upstream_token_fetches_total",
            "Access tokens asked for at a token server, by result.", "upstream", rows, "result",
            &M::tokens);
  page.each("sallyport_upstream_auth_failures_total",
            "Times that an upstream refused our credentials.", "upstream", rows, &M::auth_failures);
  page.each("sallyport_upstream_account_failures_total",
            "Times that an upstream refused our account or a sender that it has not verified.",
            "upstream", rows, &M::account_failures);
  page.each("sallyport_upstream_pool_connections", "Connections in the pools now.", "upstream",
            rows, "state", &M::pool);
  page.each("sallyport_upstream_pool_waiting",
            "Deliveries waiting for a connection, or a turn of the upstream's pace, now.",
            "upstream", rows, &M::waiting);
  page.each("sallyport_upstream_trouble",
            "Whether the upstream is left alone for a while, by what is wrong with it.", "upstream",
            rows, "kind", &M::troubles);
  page.each("sallyport_upstream_pace_per_minute",
            "Messages or recipients a minute that may go now; 0: no limit.", "upstream", rows,
            &M::pace);
  page.each("sallyport_upstream_daily_used",
            "Messages or recipients that went within 24 hours, where there is a limit.", "upstream",
            rows, &M::today);
  page.each("sallyport_upstream_pool_allowed_connections",
            "Connections that may be open now: max_connections, or less for a while.", "upstream",
            rows, &M::allowed);
  page.each("sallyport_upstream_transaction_seconds",
            "From the first octet of MAIL to the upstream's final reply.", "upstream", rows,
            &M::transaction);
  page.each("sallyport_delivery_seconds", "From the client's end of DATA to our reply.", "upstream",
            rows, &M::delivery);
}

void add_process(Page& page, const ProcessMetrics& process) {
  page.single("sallyport_config_reloads_total", "Configurations read, by result.", "result",
              process.config_reloads);
  page.single("sallyport_config_last_success_timestamp_seconds",
              "When the configuration in force was read.", MetricType::Gauge,
              static_cast<double>(process.config_loaded.value()));
  if (process.certificate_expires.value() != 0) {
    page.single("sallyport_certificate_expiry_timestamp_seconds",
                "When the first of the certificates shown to clients ends.", MetricType::Gauge,
                static_cast<double>(process.certificate_expires.value()));
    page.single("sallyport_certificates_failed",
                "Certificates, client authorities and OCSP responses whose files can't be used.",
                MetricType::Gauge, static_cast<double>(process.certificates_failed.value()));
  }
  page.single("sallyport_content_limit_bytes", "Message content that may be held at one time.",
              MetricType::Gauge, static_cast<double>(process.content_limit.value()));
  page.single("sallyport_content_refusals_total",
              "Messages deferred because too much content was held.", MetricType::Counter,
              static_cast<double>(process.content_refusals.value()));
  page.single("sallyport_auth_queue_refusals_total",
              "Logins deferred because too many passwords were waiting to be checked.",
              MetricType::Counter, static_cast<double>(process.auth_queue_refusals.value()));
  page.single("sallyport_auth_bars_total",
              "Networks and accounts barred from logging in for a while, by which of them.", "by",
              process.auth_bars);
  page.single("sallyport_unfit_messages_total", "Messages refused for what is in them, by reason.",
              "reason", process.unfit_messages);
}

void add_sources(Page& page, const Registry::Options& options) {
  const auto read = [](const std::function<std::uint64_t()>& source) {
    return source ? static_cast<double>(source()) : 0.0;
  };
  page.single("sallyport_content_bytes", "Message content held now, in memory and on disk.",
              MetricType::Gauge, read(options.content_octets));
  const log::CountByKind dropped =
      options.log_lines_dropped ? options.log_lines_dropped() : log::CountByKind{};
  auto& lines = page.family("sallyport_log_lines_dropped_total", "Log lines that were not written.",
                            MetricType::Counter);
  for (std::size_t i = 0; i < dropped.size(); ++i) {
    auto& series = lines.emplace_back();
    series.label = {label("kind", log::kKindNames[i])};
    series.counter.value = static_cast<double>(dropped[i]);
  }
  Gauge started;
  started.set(options.started);
  page.single("sallyport_start_time_seconds", "When this process began.", MetricType::Gauge,
              static_cast<double>(started.value()));
  auto& build = page.family("sallyport_build_info", "What is running.", MetricType::Gauge);
  build.emplace_back().label = {label("version", options.version)};
  build.back().gauge.value = 1;
}

}  // namespace

std::string Registry::expose() const {
  Page page(state_->last_size.load(std::memory_order_relaxed) + 4096);
  const auto listeners = state_->listeners.rows();
  add_listeners(page, listeners);
  add_refused_commands(page, listeners);
  page.each("sallyport_auth_total", "AUTH exchanges of clients, by how they ended.", "mechanism",
            state_->mechanisms.rows(), "result", &AuthMetrics::results);
  const auto auth_sources = state_->auth_sources.rows();
  page.each("sallyport_auth_source_answers_total",
            "Questions to the sources of identities, by how they ended.", "source", auth_sources,
            "result", &SourceMetrics::answers);
  page.each("sallyport_auth_source_away",
            "Whether a source of identities could not answer when it was last asked.", "source",
            auth_sources, &SourceMetrics::away);
  add_users(page, state_->users.rows());
  page.each("sallyport_limit_exceeded_total",
            "Messages and recipients that a [[limit]] had no room for.", "limit",
            state_->limits.rows(), "result", &LimitMetrics::exceeded);
  add_upstreams(page, state_->upstreams.rows());
  add_process(page, state_->process);
  add_sources(page, state_->options);
  auto text = std::move(page).text();
  state_->last_size.store(text.size(), std::memory_order_relaxed);
  return text;
}

}  // namespace sallyport::metrics

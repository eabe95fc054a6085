#include "vector/types.h"

#include <array>
#include <cstddef>

namespace nearlite {
namespace {

template <class Value>
struct Name {
  Value value;
  std::string_view name;
};

constexpr std::array kMetrics{
    Name<Metric>{Metric::kCosine, "cosine"},   Name<Metric>{Metric::kL2, "l2"},
    Name<Metric>{Metric::kIp, "ip"},           Name<Metric>{Metric::kL1, "l1"},
    Name<Metric>{Metric::kHamming, "hamming"},
};

constexpr std::array kElementTypes{
    Name<ElementType>{ElementType::kFloat32, "float"},
    Name<ElementType>{ElementType::kFloat16, "float16"},
    Name<ElementType>{ElementType::kBFloat16, "bfloat16"},
    Name<ElementType>{ElementType::kInt8, "int8"},
    Name<ElementType>{ElementType::kBit, "bit"},
};

constexpr std::array kQuantizes{
    Name<Quantize>{Quantize::kInt8, "int8"},
    Name<Quantize>{Quantize::kNone, "none"},
    Name<Quantize>{Quantize::kBit, "bit"},
};

template <class Value, std::size_t count>
std::string_view name_in(const std::array<Name<Value>, count>& names, Value value) noexcept {
  for (const auto& entry : names) {
    if (entry.value == value) return entry.name;
  }
  return "unknown";
}

template <class Value, std::size_t count>
std::optional<Value> find_in(const std::array<Name<Value>, count>& names,
                             std::string_view name) noexcept {
  for (const auto& entry : names) {
    if (entry.name == name) return entry.value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Metric metric) noexcept { return name_in(kMetrics, metric); }
std::string_view name_of(ElementType type) noexcept { return name_in(kElementTypes, type); }
std::string_view name_of(Quantize quantize) noexcept { return name_in(kQuantizes, quantize); }

std::optional<Metric> find_metric(std::string_view name) noexcept {
  return find_in(kMetrics, name);
}
std::optional<ElementType> find_element_type(std::string_view name) noexcept {
  return find_in(kElementTypes, name);
}
std::optional<Quantize> find_quantize(std::string_view name) noexcept {
  return find_in(kQuantizes, name);
}

}  // namespace nearlite

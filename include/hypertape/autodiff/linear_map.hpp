#pragma once

#include "hypertape/autodiff/combine.hpp"
#include "hypertape/autodiff/sweep.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The family of linear operations of one input. A linear map is its own tangent, and its pullback is its adjoint, so a
/// Map needs no derivatives, only
///
///     const char *name, *adjoint_name;                 // may be static
///     Shape domain, codomain;
///     template <class T>
///     void apply(const T* in, T* out) const;           // out (codomain) = A in (domain)
///     template <class T>
///     void apply_adjoint(const T* in, T* out) const;   // out (domain) = A^T in (codomain)
///     static constexpr bool cheap = true;              // optional: both are cheap (Operation::is_cheap)
///
/// From these follow both operations, with derivatives of every order. Anything A depends on (a mask, say) is held
/// constant.
template <class T, class Map, bool Adjoint>
struct LinearMapOperation final : Operation<T> {
  Map map;  ///< copied with the operation

  /// The operation of this map.
  explicit LinearMapOperation(const Map& map_) : map(map_) {}

  const char* name() const override { return Adjoint ? map.adjoint_name : map.name; }

  bool is_cheap() const override {
    if constexpr (requires { Map::cheap; }) return Map::cheap;
    return false;
  }
  void evaluate(const Evaluation<T>& call) const override {
    if constexpr (Adjoint) {
      map.apply_adjoint(call.input(0), call.output());
    } else {
      map.apply(call.input(0), call.output());
    }
  }
  Var<T> tangent(const TangentSweep<T>& call) const override { return apply_map<Adjoint>(map, call.tangent(0)); }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, apply_map<!Adjoint>(map, call.adjoint()));
  }
};

}  // namespace detail

/// Records y = A x, or with Adjoint x = A^T y. @throws ShapeError if the operand does not have the map's shape.
template <bool Adjoint = false, class T, class Map>
Var<T> apply_map(const Map& map, Var<T> x) {
  const Shape& from = Adjoint ? map.codomain : map.domain;
  if (x.shape() != from) {
    throw ShapeError(Adjoint ? map.adjoint_name : map.name, ": needs ", from, ", got ", x.shape());
  }
  return x.tape().apply(detail::LinearMapOperation<T, Map, Adjoint>(map), Adjoint ? map.domain : map.codomain, {x});
}

}  // namespace hypertape::inline HYPERTAPE_ABI

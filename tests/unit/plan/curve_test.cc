#include "plan/curve.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace tt;

TEST_CASE("a loss is the energy that is lost, in logarithms, and gives the error back") {
  for (const double error : {0.0, 1e-6, 0.01, 0.3, 0.9, 0.999})
    CHECK(plan::error_of_loss(plan::retention_loss(error * error)) == doctest::Approx(error));
  // Layers behind each other: losses add up where the kept energies multiply.
  CHECK(plan::retention_loss(0.2) + plan::retention_loss(0.3) ==
        doctest::Approx(plan::retention_loss(1 - 0.8 * 0.7)));
}

TEST_CASE("the loss is finite and grows where nothing is left") {
  double last = plan::retention_loss(0.99);
  for (const double squared : {0.9989, 0.999, 0.9991, 1.0, 1.5, 100.0}) {
    const double loss = plan::retention_loss(squared);
    CHECK(std::isfinite(loss));
    CHECK(loss > last);
    last = loss;
  }
}

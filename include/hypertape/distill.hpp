#pragma once

/// Everything: the library, datasets and their file formats, and dataset distillation.

#include "hypertape/data/augment.hpp"
#include "hypertape/data/cifar10.hpp"
#include "hypertape/data/convert.hpp"
#include "hypertape/data/idx.hpp"
#include "hypertape/data/line_chart.hpp"
#include "hypertape/data/locate.hpp"
#include "hypertape/data/mat.hpp"
#include "hypertape/data/npz.hpp"
#include "hypertape/data/png.hpp"
#include "hypertape/data/resize.hpp"
#include "hypertape/data/svhn.hpp"
#include "hypertape/data/usps.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/distiller.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/linear_case.hpp"
#include "hypertape/distill/picture.hpp"
#include "hypertape/hypertape.hpp"

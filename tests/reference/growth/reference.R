# Reference values for the growth statistics and the logistic fit, by R and its packages survival, lme4 and nlme.
#
#   cd tests/reference/growth && Rscript reference.R
#
# Reads times.csv, log_volumes.csv and slopes.csv (a simulated study, frozen from the example caliper sheet; README.md);
# writes aml.csv and dnase.csv (data sets that come with R, for which the values are also printed in their help and
# in the textbooks named there), values.csv (name, value) and versions.txt.

suppressMessages({
  library(survival)
  library(lme4)
  library(nlme)
})

values <- list()
put <- function(name, value) values[[name]] <<- value

survival_values <- function(prefix, data, control) {
  # data: arm, time, event
  for (arm in unique(data$arm)) {
    fit <- survfit(Surv(time, event) ~ 1, data = data[data$arm == arm, ], conf.type = "log-log")
    at <- which(fit$n.event > 0)
    for (i in at) {
      key <- paste(prefix, "km", arm, fit$time[i], sep = "|")
      put(paste0(key, "|survival"), fit$surv[i])
      put(paste0(key, "|low"), fit$lower[i])
      put(paste0(key, "|high"), fit$upper[i])
    }
    median <- quantile(fit, 0.5)
    put(paste(prefix, "median", arm, sep = "|"), median$quantile)
    put(paste(prefix, "median_low", arm, sep = "|"), median$lower)
    put(paste(prefix, "median_high", arm, sep = "|"), median$upper)
  }
  put(paste(prefix, "logrank_all", sep = "|"), survdiff(Surv(time, event) ~ arm, data = data)$chisq)
  for (arm in setdiff(unique(data$arm), control)) {
    pair <- data[data$arm %in% c(arm, control), ]
    pair$treated <- as.integer(pair$arm == arm)
    put(paste(prefix, "logrank", arm, sep = "|"), survdiff(Surv(time, event) ~ treated, data = pair)$chisq)
    if (sum(pair$event[pair$treated == 1]) > 0) {
      cox <- coxph(Surv(time, event) ~ treated, data = pair, ties = "efron")
      put(paste(prefix, "log_hr", arm, sep = "|"), unname(coef(cox)))
      put(paste(prefix, "log_hr_se", arm, sep = "|"), sqrt(vcov(cox)[1, 1]))
    }
  }
}

times <- read.csv("times.csv", stringsAsFactors = FALSE)
survival_values("study", times, "vehicle")

leukaemia <- survival::aml
aml <- data.frame(arm = as.character(leukaemia$x), time = leukaemia$time, event = leukaemia$status)
write.csv(aml, "aml.csv", row.names = FALSE, quote = FALSE)
survival_values("aml", aml, "Nonmaintained")

# Mixed model: arm-wise lines, correlated random level and slope, REML; two packages.
data <- read.csv("log_volumes.csv", stringsAsFactors = FALSE)
data$arm <- relevel(factor(data$arm), ref = "vehicle")
mixed <- lmer(ln_volume ~ day * arm + (1 + day | mouse), data = data, REML = TRUE,
              control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5)))
again <- lme(ln_volume ~ day * arm, random = ~ day | mouse, data = data, method = "REML",
             control = lmeControl(opt = "optim", msMaxIter = 500, reltol = 1e-12))
for (arm in setdiff(levels(data$arm), "vehicle")) {
  term <- paste0("day:arm", arm)
  put(paste("lme4", "difference", arm, sep = "|"), unname(fixef(mixed)[term]))
  put(paste("lme4", "se", arm, sep = "|"), sqrt(as.matrix(vcov(mixed))[term, term]))
  put(paste("nlme", "difference", arm, sep = "|"), unname(fixef(again)[term]))
  put(paste("nlme", "se", arm, sep = "|"), summary(again)$tTable[term, "Std.Error"])
}
put("lme4|residual_sd", sigma(mixed))
put("lme4|slope_sd", attr(VarCorr(mixed)$mouse, "stddev")[["day"]])

# Welch's t and Holm on the slopes of the mice.
slopes <- read.csv("slopes.csv", stringsAsFactors = FALSE)
p <- c()
for (arm in setdiff(unique(slopes$arm), "vehicle")) {
  test <- t.test(slopes$slope[slopes$arm == arm], slopes$slope[slopes$arm == "vehicle"])
  put(paste("welch", "t", arm, sep = "|"), unname(test$statistic))
  put(paste("welch", "dof", arm, sep = "|"), unname(test$parameter))
  put(paste("welch", "p", arm, sep = "|"), test$p.value)
  put(paste("welch", "low", arm, sep = "|"), test$conf.int[1])
  put(paste("welch", "high", arm, sep = "|"), test$conf.int[2])
  p[arm] <- test$p.value
}
adjusted <- p.adjust(p, "holm")
for (arm in names(adjusted)) put(paste("welch", "holm", arm, sep = "|"), unname(adjusted[arm]))

# Four-parameter logistic by nls on the first run of R's DNase assay.
run <- subset(as.data.frame(datasets::DNase), Run == 1)
dnase <- data.frame(dose = run$conc, response = run$density)
write.csv(dnase, "dnase.csv", row.names = FALSE, quote = FALSE)
logistic <- nls(response ~ bottom + (emax - bottom) / (1 + exp(h * (lec50 - log(dose)))), data = dnase,
                start = list(bottom = 0, emax = 2.4, lec50 = 1.4, h = 1),
                algorithm = "port", control = nls.control(maxiter = 500))
for (name in c("bottom", "emax", "lec50", "h")) {
  put(paste("logistic", name, sep = "|"), unname(coef(logistic)[name]))
  put(paste("logistic", "se", name, sep = "|"), unname(summary(logistic)$coefficients[name, "Std. Error"]))
}
put("logistic|residual_sd", summary(logistic)$sigma)

output <- data.frame(name = names(values), value = sprintf("%.12g", unlist(values)))
write.csv(output, "values.csv", row.names = FALSE, quote = FALSE)
packages <- c("survival", "lme4", "nlme")
lines <- c(R.version.string, sapply(packages, function(p) paste(p, as.character(packageVersion(p)))))
writeLines(lines, "versions.txt")

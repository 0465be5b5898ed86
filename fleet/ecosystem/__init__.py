"""How a fleet meets what others already run: Prometheus, Grafana, Sparkplug B hosts, Home Assistant."""

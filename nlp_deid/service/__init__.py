"""The REST service: `nlp-deid serve`. Import its modules; this one is empty."""

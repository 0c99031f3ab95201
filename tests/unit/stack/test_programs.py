"""What the programs of the stack are started with."""

from sightline.stack.programs import clean_environment


def test_services_get_a_clean_environment() -> None:
    environment = clean_environment(
        {
            "PATH": "/bin",
            "SIGHTLINE_MONGO_URL": "mongodb://elsewhere",
            "SIGHTLINE_LOG_LEVEL": "debug",
            "PYTHONPATH": "/somewhere",
            "HTTP_PROXY": "http://proxy",
            "https_proxy": "http://proxy",
        }
    )
    assert environment["PATH"] == "/bin"
    assert environment["SIGHTLINE_LOG_LEVEL"] == "debug"
    assert not {"SIGHTLINE_MONGO_URL", "PYTHONPATH", "HTTP_PROXY", "https_proxy"} & set(environment)

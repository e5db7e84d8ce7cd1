from commandcenter.cli.main import main

main()
